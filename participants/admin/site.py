from django.contrib.admin import AdminSite


class RollcallAdminSite(AdminSite):
    site_header = "Rollcall"

"""Signing in by a provider, and the second factor of staff, on django-allauth.

Of its pages only those in ``urls`` exist: it signs nobody up, and changes no password and no address.
"""

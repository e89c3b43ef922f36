from django.conf import settings
from django.db import models

from participants.states import MessageKind

SUBJECT_LIMIT, TEXT_LIMIT = 200, 5000


class MailText(models.Model):
    """What staff made of the text of one kind of mail; a kind without a row has its default."""

    kind = models.CharField(max_length=16, choices=MessageKind.choices, primary_key=True)
    subject = models.CharField(max_length=SUBJECT_LIMIT)
    text = models.TextField(max_length=TEXT_LIMIT)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "mail text"
        default_permissions = ("change",)

    def __str__(self) -> str:
        return self.get_kind_display()

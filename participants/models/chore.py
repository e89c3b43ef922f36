"""What is to be done every so often, by one of many workers. The row only says when it is due next."""

from datetime import datetime, timedelta

from django.db import models


class ChoreQuerySet(models.QuerySet["Chore"]):
    def take(self, name: str, now: datetime, *, again: timedelta) -> bool:
        """Whether this caller is to do it now. Unless it says ``finish``, somebody does it ``again`` after that."""
        self.get_or_create(name=name, defaults={"due_at": now})
        return bool(self.filter(name=name, due_at__lte=now).update(due_at=now + again))

    def finish(self, name: str, now: datetime, *, every: timedelta) -> None:
        self.filter(name=name).update(done_at=now, due_at=now + every)


class Chore(models.Model):
    name = models.CharField(max_length=32, primary_key=True)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    objects = ChoreQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

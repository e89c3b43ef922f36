"""JSON's own types, held to: DRF takes 0 for false, 5 for "5" and "yes" for true, which no schema says."""

from typing import Any

from rest_framework import serializers

_TEXTS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateField,
    serializers.DateTimeField,
    serializers.UUIDField,
)


def find_wrong_type(field: serializers.Field[Any, Any, Any, Any], value: Any) -> serializers.ErrorDetail | None:
    """What is wrong with the type of a value given for this field; None for one that DRF may judge.

    Null is left to DRF, and so are items of lists whose fields look at types themselves.
    """
    if value is None:
        return None
    if isinstance(field, serializers.ListField):
        found = (find_wrong_type(field.child, item) for item in value) if isinstance(value, list) else ()
        return next((problem for problem in found if problem), None)
    if isinstance(field, serializers.BooleanField):
        return None if isinstance(value, bool) else _tell("Give true or false.")
    if isinstance(field, serializers.IntegerField):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole else _tell("Give a whole number.")
    if isinstance(field, _TEXTS):
        return None if isinstance(value, str) else _tell("Give a text, in quotation marks.")
    return None


def _tell(text: str) -> serializers.ErrorDetail:
    return serializers.ErrorDetail(text, code="invalid")

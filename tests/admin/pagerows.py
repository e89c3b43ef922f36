"""The matrix itself: every page of the admin site, and whom it lets in."""

from dataclasses import dataclass

EVERYBODY = "manager other_manager staff superuser rest"
"""Of staff."""


@dataclass(frozen=True)
class Row:
    """Callers by what they meet. Whoever is not named is refused: staff with ``refusal``, others by the sign-in."""

    allowed: tuple[str, ...]
    status: int
    barred: tuple[str, ...]
    blind: tuple[str, ...]
    refusal: int

    @property
    def callers(self) -> tuple[str, ...]:
        return (*self.allowed, *self.barred, *self.blind)

    @property
    def rights(self) -> set[str]:
        """The permissions that it names, and the words for other callers."""
        return {right for caller in self.callers for right in caller.split("+")}


def row(allowed: str = "", *, status: int = 200, refused: int = 403, barred: str = "", blind: str = "") -> Row:
    """``barred`` and ``blind`` hold a permission that is not enough: they meet 403 and 404, whatever others meet."""
    return Row(tuple(allowed.split()), status, tuple(barred.split()), tuple(blind.split()), refused)


def _list(model: str, seen: str, *, changed: str = "", added: str = "", deleted: str = "") -> dict[str, Row]:
    """The five pages that Django gives each model."""
    return {
        f"{model}_changelist": row(f"{seen} {'other_manager' if 'manager' in seen.split() else ''}"),
        f"{model}_add": row(added),
        f"{model}_history": row(seen),
        f"{model}_delete": row(deleted),
        f"{model}_change": row(seen),
    }


def _of_meeting(model: str, *rights: str) -> dict[str, Row]:
    """Managers see those of their meetings, and nobody adds or deletes one by hand."""
    return _list(f"participants_{model}", f"manager superuser {' '.join(rights)}")


def _of_staff(model: str, *rights: str, added: str = "") -> dict[str, Row]:
    return _list(f"participants_{model}", f"superuser {' '.join(rights)}", added=added)


def _of_django(model: str) -> dict[str, Row]:
    """Pages of other packages, which follow Django's four permissions."""
    name = model.split("_")[1]
    return _list(
        model,
        f"superuser view_{name} change_{name}",
        added=f"superuser add_{name}",
        deleted=f"superuser delete_{name}",
    )


def _report(model: str, right: str) -> dict[str, Row]:
    """A file takes the right to see what is in it, and the right to take it away."""
    seen, taken = f"manager other_manager superuser {right}", f"manager other_manager superuser {right}+export_data"
    return {
        **_of_meeting(model, right),
        f"participants_{model}_csv": row(taken, barred=f"{right} export_data"),
        f"participants_{model}_export": row(taken, status=302, barred=f"{right} export_data"),
        f"POST participants_{model}_export": row(taken, status=302, barred=f"{right} export_data"),
        f"participants_{model}_save": row(seen, status=302),
        f"POST participants_{model}_save": row(seen, status=302),
    }


def _act(
    model: str, name: str, allowed: str, *, asks: bool = True, refused: int = 403, barred: str = "", blind: str = ""
) -> dict[str, Row]:
    """A page that does something when it is posted; ``asks`` before, or only leads back."""
    page = f"{model}_{name}" if model.startswith("auth_") else f"participants_{model}_{name}"
    return {
        page: row(allowed, status=200 if asks else 302, refused=refused, barred=barred, blind=blind),
        f"POST {page}": row(allowed, status=302, refused=refused, barred=barred, blind=blind),
    }


_BATCH = "view_participant add_participant remove_participant change_participant"
_STARTS_BATCH = "manager superuser add_participant"
_SEES_BATCH = "manager superuser view_participant add_participant"
"""Of the scene's batch, which enrols."""
_CORE = {
    "index": row(EVERYBODY),
    "app_list": row("manager other_manager superuser rest", refused=404),
    "password_change": row(EVERYBODY),
    "password_change_done": row(EVERYBODY),
    "jsi18n": row(EVERYBODY),
    "time_zone": row(EVERYBODY),
    "POST time_zone": row(EVERYBODY, status=400),
    # No model of ours has an address of its own on the public site.
    "view_on_site": row(refused=404),
    # Asked for the users that the form to enrol people offers.
    "autocomplete": row("manager other_manager superuser add_participant view_user change_user"),
    "connection": row("superuser view_connection"),
    "POST connection": row("superuser view_connection"),
    "sync": row("superuser change_meeting", status=302),
    "POST sync": row("superuser change_meeting", status=302),
    "connection_webhook": row("superuser view_connection", status=302),
    "POST connection_webhook": row("superuser view_connection", status=302),
    "mail_texts": row("superuser change_mailtext"),
    "mail_text": row("superuser change_mailtext"),
    "POST mail_text": row("superuser change_mailtext"),
    "reports": row("manager other_manager superuser view_participant view_session view_presence view_event"),
    # Asked without a post it only leads back to the list.
    "report_delete": row(EVERYBODY, status=302),
    # The report is the superuser's.
    "POST report_delete": row("superuser", status=302, refused=404),
    # The file is the superuser's: others are told on the list that there is none.
    "export_download": row("superuser", refused=302),
}
_MEETINGS = {
    **_of_meeting("meeting", "view_meeting", "change_meeting"),
    "participants_meeting_add": row("superuser add_meeting"),
    "participants_meeting_enrol": row(
        "manager superuser view_meeting+add_participant", refused=404, barred="view_meeting change_meeting"
    ),
    "participants_meeting_enrol_many": row(
        "manager superuser view_meeting+add_participant", refused=404, barred="view_meeting change_meeting"
    ),
    **_act("meeting", "retry", "manager superuser change_meeting", asks=False, refused=404, barred="view_meeting"),
    "participants_meeting_report": row("manager superuser view_presence", refused=404),
    "participants_meeting_board": row("manager superuser view_presence", refused=404),
    "participants_meeting_board_json": row("manager superuser view_presence", refused=404),
    **_act(
        "meeting", "end", "manager superuser view_presence+remove_participant", refused=404, barred="view_presence"
    ),
}
_PEOPLE = {
    **_report("participant", "view_participant"),
    "participants_participant_act": row(
        "manager superuser view_participant+remove_participant", refused=404, barred="view_participant"
    ),
    **_of_meeting("invitation", "view_invitation"),
    "participants_invitation_send": row(
        "manager superuser send_invitation+add_participant", barred="send_invitation"
    ),
    "participants_invitation_all": row("manager superuser send_invitation"),
    "participants_invitation_of": row("manager superuser send_invitation"),
    **_act(
        "invitation",
        "revoke",
        "manager superuser view_invitation+revoke_invitation",
        asks=False,
        refused=404,
        barred="view_invitation",
    ),
    **_of_meeting("accessrequest", "view_accessrequest"),
    **_of_meeting("message", "view_message"),
    **_of_staff("person", "view_person", "change_person"),
    **_act("person", "unblock", "superuser view_person+block_person", blind="block_person"),
    "participants_person_block": row("superuser view_person+block_person", blind="block_person"),
    **_act("person", "merge", "superuser view_person+merge_person", blind="merge_person"),
    "participants_person_erase": row(
        "superuser view_person+erase_person", barred="view_person", blind="erase_person"
    ),
    # Nobody ticked that they mean it.
    "POST participants_person_erase": row(
        "superuser view_person+erase_person", status=422, barred="view_person", blind="erase_person"
    ),
    "participants_person_export": row(
        "superuser view_person+export_person", barred="view_person", blind="export_person"
    ),
}
_WHO_CAME = {
    **_report("presence", "view_presence"),
    "participants_presence_correct": row(
        "manager superuser view_presence+correct_presence", status=302, refused=404, barred="view_presence"
    ),
    **_report("session", "view_session"),
    # It is the report of the session's meeting.
    "participants_session_change": row("manager superuser view_session", status=302),
}
_MANY = {
    **_of_meeting("batch", *_BATCH.split()),
    "participants_batch_history": row(_SEES_BATCH),
    "participants_batch_change": row(_SEES_BATCH, refused=404),
    "participants_batch_rows": row(_SEES_BATCH, refused=404),
    "participants_batch_undo": row(
        "manager superuser view_participant+remove_participant",
        refused=404,
        barred="view_participant add_participant",
    ),
    **_act("batch", "act", _STARTS_BATCH, asks=False, refused=404, barred="view_participant"),
    **_of_meeting("driftreport", "view_participant"),
    "participants_driftreport_change": row("manager superuser view_participant", refused=404),
    "participants_driftreport_compare": row("manager superuser view_participant", status=302, refused=404),
    "POST participants_driftreport_compare": row(
        "manager superuser view_participant+change_participant", status=302, refused=404, barred="view_participant"
    ),
    "participants_driftreport_elsewhere": row("superuser add_meeting"),
}
_MACHINES = {
    **_of_staff("preset", "view_preset", "change_preset"),
    **_of_staff("event", "view_event"),
    "participants_event_csv": row("superuser view_event+export_data", barred="view_event export_data"),
    "participants_event_export": row("superuser view_event+export_data", status=302, barred="view_event export_data"),
    "POST participants_event_export": row(
        "superuser view_event+export_data", status=302, barred="view_event export_data"
    ),
    "participants_event_save": row("superuser view_event", status=302),
    "POST participants_event_save": row("superuser view_event", status=302),
    **_of_staff("delivery", "view_delivery", "change_delivery"),
    **_of_staff("apikey", "view_apikey", "manage_apikey", added="superuser manage_apikey"),
    # Whoever sees a new secret needs all that the key may do.
    "participants_apikey_rotate": row("superuser rest"),
    **_act("apikey", "revoke", "superuser manage_apikey"),
    **_of_staff("hook", "manage_hooks", added="superuser manage_hooks"),
    "participants_hook_test": row("superuser manage_hooks", status=302),
    # What became of the test is shown at once.
    "POST participants_hook_test": row("superuser manage_hooks"),
    "participants_hook_rotate": row("superuser manage_hooks"),
    "POST participants_hook_rotate": row("superuser manage_hooks"),
    **_act("hook", "switch", "superuser manage_hooks", asks=False),
    "participants_hook_remove": row("superuser manage_hooks"),
    **_of_staff("hookmessage", "manage_hooks"),
}
_OTHERS = {
    **_of_django("auth_group"),
    **_of_django("auth_user"),
    # Django wants both of who makes users, as whoever can add and change them can make themselves anything.
    "auth_user_add": row("superuser add_user+change_user", barred="add_user change_user"),
    "auth_user_password_change": row("superuser change_user"),
    **_act("auth_user", "verify_email", "superuser verify_email"),
    **_act("auth_user", "withdraw_email", "superuser verify_email"),
    **_of_django("axes_accessattempt"),
    "axes_accessattempt_add": row(),
    **_of_django("axes_accesslog"),
    "axes_accesslog_add": row(),
    **_of_django("axes_accessfailurelog"),
    "axes_accessfailurelog_add": row(),
}
GROUPS = {
    "core": _CORE,
    "meetings": _MEETINGS,
    "people": _PEOPLE,
    "who came": _WHO_CAME,
    "many at once": _MANY,
    "machines": _MACHINES,
    "of other packages": _OTHERS,
}
"""By the name of the route, of what GET meets; with ``POST`` before it, of what an empty form meets."""
MATRIX = {key: row for group in GROUPS.values() for key, row in group.items()}

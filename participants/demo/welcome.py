"""What a running demo says of itself."""

from participants.demo import cast
from participants.demo.stack import Stack

_TEXT = """
Rollcall is running (ready after {seconds:.1f} s). Ctrl-C stops it.

  Join page      {web}/
  Admin          {web}/admin/
  API reference  {web}/api/docs/
  Sandbox        {sandbox}  (stands in for Cloudflare RealtimeKit)

Everybody's password is: {password}

{accounts}

Try this first
  1. As admin, enrol Ada Example into "{title}":
     {web}/admin/participants/meeting/{meeting}/enrol/
  2. In a private window, sign in as ada and press Join:
     {web}/
  3. As admin, remove her and see what she sees then:
     {web}/admin/participants/participant/?q=ada

Data and logs: {folder}  (make demo-reset forgets them)
"""
_ROLES = (
    (cast.ADMIN, "may do everything"),
    (cast.LIMITED, "staff: sees meetings and people, enrols, but may not remove"),
    (
        cast.MANAGER,
        "manages only " + ", ".join(room.title for room in cast.ROOMS if cast.MANAGER.username in room.managers),
    ),
    (cast.ADA, "takes part: open, scheduled, closed and inactive meetings"),
)


def compose(stack: Stack, *, seconds: float) -> str:
    rows = [f"  {account.username:<7}{account.name:<15}{role}" for account, role in _ROLES]
    named = {account.username for account, _ in _ROLES}
    others = [person.username for person in cast.PEOPLE if person.username not in named]
    rows.append(f"  also   {', '.join(others)}")
    return _TEXT.format(
        seconds=seconds,
        web=stack.web,
        sandbox=stack.sandbox,
        password=cast.PASSWORD,
        accounts="\n".join(rows),
        title=cast.ALGEBRA.title,
        meeting=cast.ALGEBRA.id,
        folder=stack.folder.path,
    )

"""Apps of the account (contract 5)."""

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, success
from participants.sandbox.call import Call
from participants.sandbox.records import App


def list_apps(call: Call) -> Answer:
    wanted = call.query.get("search", "").lower()
    apps = [app for app in call.world.app_rows.all() if wanted in app.name.lower()]
    if call.choice("sort_order", ("ASC", "DESC")) == "DESC":
        apps.reverse()
    return call.paged(apps, App.shown)


def create_app(call: Call) -> Answer:
    """An app made through the API has no presets (contract 5)."""
    body = call.body(schemas.APP)
    fresh = call.world.fresh()
    app = App(id=fresh["id"], created_at=fresh["created_at"], name=body["name"])
    with call.world.lock:
        call.world.app_rows.put(app)
    return success({"app": app.shown()})

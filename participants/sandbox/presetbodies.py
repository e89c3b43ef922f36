"""The presets a new app comes with: complete bodies, every required part of contract 8 filled in."""

from dataclasses import dataclass

from participants.sandbox.answers import Json


@dataclass(frozen=True)
class Role:
    """`leads` runs the meeting; `speaks` may send sound and picture."""

    name: str
    view_type: str
    leads: bool
    speaks: bool


ROLES = (
    Role("group_call_host", "GROUP_CALL", leads=True, speaks=True),
    Role("group_call_participant", "GROUP_CALL", leads=False, speaks=True),
    Role("webinar_presenter", "WEBINAR", leads=True, speaks=True),
    Role("webinar_viewer", "WEBINAR", leads=False, speaks=False),
)


def role_named(name: str) -> Role:
    """A known role, or an ordinary participant of that name."""
    known = {role.name: role for role in ROLES}
    return known.get(name, Role(name, "GROUP_CALL", leads=False, speaks=True))


def preset_body(role: Role) -> Json:
    return {
        "name": role.name,
        "config": config(role),
        "permissions": permissions(role),
        "ui": {"design_tokens": design_tokens()},
    }


def config(role: Role) -> Json:
    return {
        "view_type": role.view_type,
        "max_screenshare_count": 1,
        "max_video_streams": {"desktop": 9, "mobile": 4},
        "media": {
            "video": {"quality": "hd", "frame_rate": 30, "simulcast": True},
            "screenshare": {"quality": "hd", "frame_rate": 5},
            "audio": {"enable_high_bitrate": False, "enable_stereo": False},
        },
        "livestream_viewer_qualities": None,
    }


def permissions(role: Role) -> Json:
    produce = {"can_produce": "ALLOWED" if role.speaks else "NOT_ALLOWED"}
    return {
        "accept_waiting_requests": role.leads,
        "can_accept_production_requests": role.leads,
        "can_change_participant_permissions": role.leads,
        "can_edit_display_name": True,
        "can_livestream": role.leads,
        "can_record": role.leads,
        "can_spotlight": role.leads,
        "disable_participant_audio": role.leads,
        "disable_participant_video": role.leads,
        "disable_participant_screensharing": role.leads,
        "hidden_participant": False,
        "kick_participant": role.leads,
        "pin_participant": role.leads,
        "show_participant_list": True,
        "chat": {
            "public": {"can_send": True, "text": True, "files": role.speaks},
            "private": {"can_send": role.speaks, "can_receive": True, "text": True, "files": role.speaks},
        },
        "connected_meetings": {
            "can_alter_connected_meetings": role.leads,
            "can_switch_connected_meetings": role.leads,
            "can_switch_to_parent_meeting": role.leads,
        },
        "media": {"audio": produce, "video": produce, "screenshare": produce},
        "plugins": {"can_start": role.leads, "can_close": role.leads, "can_edit_config": False, "config": {}},
        "polls": {"can_create": role.leads, "can_view": True, "can_vote": True},
        "recorder_type": "NONE",
        "waiting_room_type": "SKIP",
    }


def design_tokens() -> Json:
    return {
        "border_radius": "rounded",
        "border_width": "thin",
        "spacing_base": 4,
        "theme": "dark",
        "colors": {
            "background": {
                "600": "#3d4455",
                "700": "#303646",
                "800": "#232837",
                "900": "#171b27",
                "1000": "#0c0f18",
            },
            "brand": {
                "300": "#8fb4ff",
                "400": "#6494fb",
                "500": "#3d74ee",
                "600": "#2c5ccb",
                "700": "#2149a4",
            },
            "danger": "#e5484d",
            "success": "#30a46c",
            "text": "#f4f6fb",
            "text_on_brand": "#ffffff",
            "video_bg": "#11141d",
            "warning": "#f5a524",
        },
    }

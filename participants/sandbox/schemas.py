"""Request bodies of contract 6, 7, 8, 11, 12.2 and 15 as data."""

from participants.sandbox.validation import Fields, Kind, Rule, optional

LANGUAGES = ("en-US", "en-IN", "de", "hi", "sv", "ru", "pl", "el", "fr", "nl")
SUMMARIES = (
    "general",
    "team_meeting",
    "sales_call",
    "client_check_in",
    "interview",
    "daily_standup",
    "one_on_one_meeting",
    "lecture",
    "code_review",
)
PRODUCING = ("ALLOWED", "NOT_ALLOWED", "CAN_REQUEST")
QUALITIES = ("hd", "vga", "qvga", "fhd", "uhd")
EVENTS = (
    "meeting.started",
    "meeting.ended",
    "meeting.participantJoined",
    "meeting.participantLeft",
    "meeting.chatSynced",
    "recording.statusUpdate",
    "livestreaming.statusUpdate",
    "meeting.transcript",
    "meeting.summary",
)


def needed(kind: Kind, *names: str) -> Fields:
    return {name: Rule(kind, required=True) for name in names}


def group(fields: Fields, *, required: bool = False) -> Rule:
    return Rule("object", required=required, fields=fields)


AI_CONFIG = group(
    {
        "transcription": group(
            {
                "language": Rule("string", choices=LANGUAGES),
                "keywords": Rule("array", each=Rule("string")),
                "profanity_filter": Rule("boolean"),
            }
        ),
        "summarization": group(
            {
                "summary_type": Rule("string", choices=SUMMARIES),
                "text_format": Rule("string", choices=("plain_text", "markdown")),
                "word_limit": Rule("integer", at_least=150, at_most=1000),
            }
        ),
    }
)

SIDE = Rule("integer", at_least=1, at_most=1920)
# Keys and passwords of `storage_config` are write-only: leaving them out here keeps them out of answers and state.
STORAGE = Rule(
    "object",
    nullable=True,
    fields={
        "type": Rule("string", required=True, choices=("gcs", "aws", "azure", "digitalocean", "sftp")),
        "bucket": Rule("string"),
        "region": Rule("string"),
        "path": Rule("string"),
        "host": Rule("string"),
        "port": Rule("number"),
        "username": Rule("string"),
        "auth_method": Rule("string", choices=("KEY", "PASSWORD")),
    },
)
RECORDING_CONFIG = group(
    {
        "max_seconds": Rule("number", at_least=60, at_most=86400),
        "file_name_prefix": Rule("string"),
        "audio_config": group(
            {
                "codec": Rule("string", choices=("MP3", "AAC")),
                "channel": Rule("string", choices=("mono", "stereo")),
                "export_file": Rule("boolean"),
            }
        ),
        "video_config": group(
            {
                "codec": Rule("string", choices=("H264", "VP8", "VP9")),
                "width": SIDE,
                "height": SIDE,
                "export_file": Rule("boolean"),
                "watermark": Rule("object"),
            }
        ),
        "realtimekit_bucket_config": group(needed("boolean", "enabled")),
        "live_streaming_config": group({"rtmp_url": Rule("string")}),
        "storage_config": STORAGE,
    }
)

MEETING: Fields = {
    "title": Rule("string", nullable=True),
    "record_on_start": Rule("boolean", nullable=True),
    "live_stream_on_start": Rule("boolean", nullable=True),
    "persist_chat": Rule("boolean"),
    "session_keep_alive_time_in_secs": Rule("number", at_least=60, at_most=600),
    "transcribe_on_end": Rule("boolean"),
    "summarize_on_end": Rule("boolean"),
    "ai_config": AI_CONFIG,
    "recording_config": RECORDING_CONFIG,
}
MEETING_PATCH: Fields = {
    **MEETING,
    "title": Rule("string"),
    "record_on_start": Rule("boolean"),
    "live_stream_on_start": Rule("boolean"),
    "status": Rule("string", choices=("ACTIVE", "INACTIVE")),
}

PARTICIPANT: Fields = {
    "custom_participant_id": Rule("string", required=True, filled=True),
    "preset_name": Rule("string", required=True, filled=True),
    "name": Rule("string", nullable=True),
    "picture": Rule("uri", nullable=True),
}
PARTICIPANT_PATCH: Fields = {
    "name": Rule("string", nullable=True),
    "picture": Rule("uri", nullable=True),
    "preset_name": Rule("string", nullable=True, filled=True),
}
KICK: Fields = {
    "participant_ids": Rule("array", each=Rule("string")),
    "custom_participant_ids": Rule("array", each=Rule("string")),
}

WEBHOOK: Fields = {
    "name": Rule("string", required=True, filled=True),
    "url": Rule("uri", required=True),
    "events": Rule("array", required=True, each=Rule("string", choices=EVENTS)),
    "enabled": Rule("boolean"),
}
WEBHOOK_PATCH = optional(WEBHOOK)
APP: Fields = {"name": Rule("string", required=True, filled=True)}

VIDEO = {
    "quality": Rule("string", required=True, choices=QUALITIES),
    "frame_rate": Rule("number", required=True),
}
PRODUCE = group({"can_produce": Rule("string", required=True, choices=PRODUCING)}, required=True)
PLUGIN = group(
    {
        "access_control": Rule("string", choices=("FULL_ACCESS", "VIEW_ONLY")),
        "handles_view_only": Rule("boolean"),
    }
)

PRESET_CONFIG: Fields = {
    "view_type": Rule("string", required=True, choices=("GROUP_CALL", "WEBINAR", "AUDIO_ROOM", "LIVESTREAM")),
    "max_screenshare_count": Rule("number", required=True),
    "max_video_streams": group(needed("number", "desktop", "mobile"), required=True),
    "media": group(
        {
            "video": group({**VIDEO, "simulcast": Rule("boolean")}, required=True),
            "screenshare": group(VIDEO, required=True),
            "audio": group({"enable_high_bitrate": Rule("boolean"), "enable_stereo": Rule("boolean")}),
        },
        required=True,
    ),
    "livestream_viewer_qualities": Rule("array", nullable=True, each=Rule("integer")),
}
PRESET_PERMISSIONS: Fields = {
    **needed(
        "boolean",
        "accept_waiting_requests",
        "can_accept_production_requests",
        "can_change_participant_permissions",
        "can_edit_display_name",
        "can_livestream",
        "can_record",
        "can_spotlight",
        "disable_participant_audio",
        "disable_participant_video",
        "disable_participant_screensharing",
        "hidden_participant",
        "kick_participant",
        "pin_participant",
        "show_participant_list",
    ),
    "chat": group(
        {
            "public": group(needed("boolean", "can_send", "text", "files"), required=True),
            "private": group(needed("boolean", "can_send", "can_receive", "text", "files"), required=True),
        },
        required=True,
    ),
    "connected_meetings": group(
        needed(
            "boolean",
            "can_alter_connected_meetings",
            "can_switch_connected_meetings",
            "can_switch_to_parent_meeting",
        ),
        required=True,
    ),
    "media": group({"audio": PRODUCE, "video": PRODUCE, "screenshare": PRODUCE}, required=True),
    "plugins": group(
        {
            **needed("boolean", "can_start", "can_close", "can_edit_config"),
            "config": Rule("object", required=True, each=PLUGIN),
        },
        required=True,
    ),
    "polls": group(needed("boolean", "can_create", "can_view", "can_vote"), required=True),
    "recorder_type": Rule("string", required=True, choices=("RECORDER", "LIVESTREAMER", "NONE")),
    "waiting_room_type": Rule(
        "string", required=True, choices=("SKIP", "ON_PRIVILEGED_USER_ENTRY", "SKIP_ON_ACCEPT")
    ),
    "accept_stage_requests": Rule("boolean"),
    "stage_enabled": Rule("boolean"),
    "is_recorder": Rule("boolean"),
    "transcription_enabled": Rule("boolean"),
    "stage_access": Rule("string", choices=PRODUCING),
}
PRESET_UI: Fields = {
    "design_tokens": group(
        {
            "border_radius": Rule("string", required=True, choices=("sharp", "rounded", "extra-rounded", "circular")),
            "border_width": Rule("string", required=True, choices=("none", "thin", "fat")),
            "spacing_base": Rule("number", required=True),
            "theme": Rule("string", required=True, choices=("darkest", "dark", "light")),
            "colors": group(
                {
                    "background": group(needed("string", "600", "700", "800", "900", "1000"), required=True),
                    "brand": group(needed("string", "300", "400", "500", "600", "700"), required=True),
                    **needed("string", "danger", "success", "text", "text_on_brand", "video_bg", "warning"),
                },
                required=True,
            ),
            "font_family": Rule("string"),
            "google_font": Rule("string"),
            "logo": Rule("string"),
        },
        required=True,
    )
}
PRESET: Fields = {
    "name": Rule("string", required=True, filled=True),
    "config": group(PRESET_CONFIG, required=True),
    "permissions": group(PRESET_PERMISSIONS, required=True),
    "ui": group(PRESET_UI, required=True),
}
PRESET_PATCH = optional(PRESET)

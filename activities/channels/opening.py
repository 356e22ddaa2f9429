"""From a channel's settings in mainstay.yaml to the channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

import httpx2

from activities.channels.channel import Channel
from activities.channels.console import Console
from activities.channels.long_tail import LongTail
from activities.channels.matrix import MatrixChannel
from activities.channels.ntfy import Ntfy
from activities.channels.opsgenie import Opsgenie
from activities.channels.pagerduty import PagerDuty
from activities.channels.provider import Provider
from activities.channels.slack import Slack
from activities.channels.slack_api import SlackApi
from activities.channels.smtp import Server, Smtp
from activities.channels.twilio import Account, TwilioSms, TwilioVoice
from activities.channels.webhook import Receiver, Webhook
from mainstay.config.channels import AnyChannel
from mainstay.config.secrets import value_of
from mainstay.domain.catalogue import channels as catalogue
from mainstay.matrix import Matrix

_MOST = timedelta(seconds=4.5)
"""Less than the activity's own five seconds: so a silent provider is named, and not just a timeout."""


IMPLEMENTED: Mapping[str, type[Channel]] = {
    "smtp": Smtp,
    "webhook": Webhook,
    "ntfy": Ntfy,
    "twilio_sms": TwilioSms,
    "twilio_voice": TwilioVoice,
    "pagerduty": PagerDuty,
    "opsgenie": Opsgenie,
    "slack": Slack,
    "apprise": LongTail,
    "matrix": MatrixChannel,
    "console": Console,
}
"""Channel type → its class; a test holds this and the catalogue equal."""


class Channels:
    """Opens channels as configured at this moment. They hold no connections, so opening one costs nothing,
    and a password that was exchanged is used from the next message on."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        """``client`` posts all webhooks."""
        self._client = client

    def open(self, name: str, configured: AnyChannel) -> Channel:
        """Raises InvalidArgument, naming the reference, when a secret cannot be read."""
        settings = configured.settings()
        match settings:
            case catalogue.Smtp():
                server = Server(
                    host=settings.host,
                    port=settings.port,
                    sender=settings.sender,
                    username=settings.user,
                    password=value_of(settings.password),
                    security=settings.security,
                )
                return Smtp(server, within=min(settings.timeout, _MOST))
            case catalogue.Webhook():
                receiver = Receiver(name=name, url=value_of(settings.url), secret=value_of(settings.secret))
                return Webhook(receiver, self._client, within=min(settings.timeout, _MOST))
            case catalogue.Ntfy():
                topic = Provider(name, value_of(settings.url), _secret(settings.token), settings.timeout)
                return Ntfy(topic, self._client)
            case catalogue.Twilio():
                account = Account(
                    Provider(name, value_of(settings.url), value_of(settings.auth_token), settings.timeout),
                    account=value_of(settings.account),
                    sender=value_of(settings.sender),
                )
                kind = TwilioVoice if configured.type == "twilio_voice" else TwilioSms
                return kind(account, self._client)
            case catalogue.PagerDuty():
                service = Provider(name, value_of(settings.url), value_of(settings.routing_key), settings.timeout)
                return PagerDuty(service, self._client)
            case catalogue.Opsgenie():
                team = Provider(name, value_of(settings.url), value_of(settings.api_key), settings.timeout)
                return Opsgenie(team, self._client)
            case catalogue.Slack():
                api = SlackApi(name, settings.api_url, value_of(settings.token), self._client)
                return Slack(api, room=settings.room, within=min(settings.timeout, _MOST))
            case catalogue.Apprise():
                return LongTail(name, value_of(settings.url), within=settings.timeout)
            case catalogue.Matrix():
                user = Matrix(name, settings.homeserver, settings.user, value_of(settings.token), self._client)
                return MatrixChannel(user, room=settings.room, within=min(settings.timeout, _MOST))
            case catalogue.Console():
                return Console()
            case _:
                assert_never(settings)


def _secret(reference: str) -> str:
    """The secret, where one is configured."""
    return value_of(reference) if reference else ""

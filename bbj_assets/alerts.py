"""Telling somebody that a run failed, by a webhook.

Through the standard library, because httpx logs every URL that it asks, and the URL of a webhook is a secret.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from pydantic import SecretStr

from bbj_assets.errors import AlertError

_TIMEOUT = 10
"""Seconds."""


def post_alert(webhook: SecretStr, text: str, details: Mapping[str, str]) -> None:
    """Post `{"text": ..., **details}` as JSON, which Slack, Mattermost and Teams' workflows show as a message.

    Raises:
        AlertError: it could not be delivered; the message does not name the URL.
    """
    url = webhook.get_secret_value()
    if not url.startswith(("https://", "http://")):
        raise AlertError("BBJ_ASSETS_ALERT_WEBHOOK must be a URL that begins with https:// or http://.")
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            url,
            data=json.dumps({"text": text, **details}).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "bbj-assets"},
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - likewise
            pass
    except urllib.error.HTTPError as error:
        with error:
            reason = f"it answers {error.code}"
    except (
        OSError,
        ValueError,
        http.client.HTTPException,
    ) as error:  # of these only the kind: their words may hold the URL
        reason = type(error).__name__
    else:
        return
    raise AlertError(f"The alert could not be delivered: {reason}. Check BBJ_ASSETS_ALERT_WEBHOOK.")

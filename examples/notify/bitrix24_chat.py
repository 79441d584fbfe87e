#!/usr/bin/env python3
"""CRM_ON_FAILURE="python3 examples/notify/bitrix24_chat.py": the message in a chat of Bitrix24.

Takes NOTIFY_WEBHOOK (address of an incoming webhook with the right `im`, a password) and
NOTIFY_DIALOG (number of an employee, or chat42 for a chat that the webhook's owner is in) from the
environment. Not the webhook that loads the portal: that one has no right to write.
"""

import json
import os
import sys
import urllib.request

told = json.load(sys.stdin)
body = {"DIALOG_ID": os.environ["NOTIFY_DIALOG"], "MESSAGE": told["text"]}
request = urllib.request.Request(
    os.environ["NOTIFY_WEBHOOK"].rstrip("/") + "/im.message.add.json",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
)
urllib.request.urlopen(request, timeout=30).close()

#!/usr/bin/env python3
"""CRM_ON_FAILURE="python3 examples/notify/telegram.py": the message by a Telegram bot.

Takes TELEGRAM_TOKEN (of the bot, from @BotFather) and TELEGRAM_CHAT (number of the chat) from the
environment; TELEGRAM_API is for a server of one's own.
"""

import json
import os
import sys
import urllib.request

told = json.load(sys.stdin)
api = os.environ.get("TELEGRAM_API", "https://api.telegram.org")
# longer ones are refused
body = {"chat_id": os.environ["TELEGRAM_CHAT"], "text": told["text"][:4096]}
request = urllib.request.Request(
    f"{api}/bot{os.environ['TELEGRAM_TOKEN']}/sendMessage",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
)
urllib.request.urlopen(request, timeout=30).close()

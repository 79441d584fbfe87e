#!/usr/bin/env python3
"""CRM_ON_FAILURE="python3 examples/notify/mail.py": the message by e-mail.

Takes SMTP_HOST, SMTP_PORT (25), SMTP_USER and SMTP_PASSWORD (none: without a login), MAIL_FROM and
MAIL_TO from the environment. The connection is encrypted where the server offers it, and always
where there is a password.
"""

import json
import os
import smtplib
import ssl
import sys
from email.message import EmailMessage

told = json.load(sys.stdin)
message = EmailMessage()
message["From"], message["To"] = os.environ["MAIL_FROM"], os.environ["MAIL_TO"]
message["Subject"] = told["text"].splitlines()[0].rstrip(":")
message.set_content(told["text"])
user = os.environ.get("SMTP_USER")
with smtplib.SMTP(
    os.environ["SMTP_HOST"], int(os.environ.get("SMTP_PORT", 25)), timeout=30
) as mail:
    mail.ehlo()
    if user or mail.has_extn("starttls"):
        mail.starttls(context=ssl.create_default_context())
    if user:
        mail.login(user, os.environ["SMTP_PASSWORD"])
    mail.send_message(message)

"""Run by serve.py in Superset's environment: makes the user, imports bundles over earlier ones.

python import_boards.py USER FILE_WITH_PASSWORD BUNDLE...
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from zipfile import ZipFile

from superset.app import create_app

USER, PASSWORD, *BUNDLES = sys.argv[1:]

with create_app().app_context():
    # Superset's modules want an application when they are imported
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle
    from superset.utils.core import override_user

    user = security_manager.find_user(username=USER) or security_manager.add_user(
        USER,
        "CRM",
        "Effect",
        f"{USER}@localhost",
        security_manager.find_role("Admin"),
        password=Path(PASSWORD).read_text("utf-8"),
    )
    with override_user(user):
        for path in BUNDLES:
            with ZipFile(path) as bundle:
                contents = get_contents_from_bundle(bundle)
            passwords = {"databases/crm_effect.yaml": os.environ.get("PGPASSWORD", "")}
            ImportAssetsCommand(contents, passwords=passwords).run()

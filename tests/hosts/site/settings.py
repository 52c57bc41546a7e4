"""A Django project for tests, in processes of its own; what differs comes as JSON in SITE."""

import json
import os

ALLOWED_HOSTS = ["127.0.0.1", "app.example.com"]
INSTALLED_APPS = ["spectra.hosts.django"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.hosts.site.urls"
SECRET_KEY = "of a site that lives for a test"
SPECTRA_CALLER = "tests.hosts.site.callers.who_asks"
USE_TZ = True

globals().update(json.loads(os.environ.get("SITE", "{}")))

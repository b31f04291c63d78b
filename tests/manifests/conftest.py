"""What the machine decides of what is run."""

import os
import shutil


def pytest_report_header():
    return "helm: " + (os.environ.get("HELM") or shutil.which("helm") or "none; its rendering is not compared")

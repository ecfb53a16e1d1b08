"""Brings bytes over HTTP into a file: resumed where that is safe, compared with all that is known of them.

A file is there whole and as it was described, or not at all. Nothing here knows what it is for; that it survives a
power cut is the business of whoever stores it.
"""

from assetctl.transfer.downloads import MAX_TRANSFERS, Downloads
from assetctl.transfer.hops import Credentials
from assetctl.transfer.remote import Downloaded, Recognise, RemoteFile, TransferLimits

__all__ = ["MAX_TRANSFERS", "Credentials", "Downloaded", "Downloads", "Recognise", "RemoteFile", "TransferLimits"]

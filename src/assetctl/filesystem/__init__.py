"""The one room that makes folders, files and links to disk: private, never through a link, never half.

What the system refuses comes out as our errors. Every change passes a `step` that tests use to fail or to die at any
point. Nothing here knows what the files mean.
"""

from assetctl.filesystem.files import (
    copy,
    create,
    link_or_copy,
    move,
    move_all,
    open_below,
    publish,
    remove,
    remove_folder,
    seal,
    sha256_of,
    sha256_of_descriptor,
    sync_folder,
    write_new,
    write_sealed,
)
from assetctl.filesystem.folders import free_bytes, make_private_folder, make_private_folders, names_in
from assetctl.filesystem.growing import GrowingFile
from assetctl.filesystem.handing_out import hand_out
from assetctl.filesystem.hashed import HashedFile, hash_descriptor, hash_file
from assetctl.filesystem.kinds import FileSystemKind, FindKind, kind_in, kind_of, require_local
from assetctl.filesystem.lines import append
from assetctl.filesystem.shared_folders import (
    SHARED_FILE,
    check_shared_folder,
    is_shared_folder,
    make_shared_folder,
)
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.temporaries import STRAY_AGE_S, sweep_dead, temporary_path
from assetctl.filesystem.together import seal_all, sync_folders
from assetctl.filesystem.trouble import retold, storage_error, translated
from assetctl.filesystem.unnamed import unnamed
from assetctl.filesystem.writers import Writer, current_writer, host_name, is_alive, writer_from_token

__all__ = [
    "SHARED_FILE",
    "STRAY_AGE_S",
    "FileSystemKind",
    "FindKind",
    "GrowingFile",
    "HashedFile",
    "Step",
    "Writer",
    "append",
    "check_shared_folder",
    "copy",
    "create",
    "current_writer",
    "free_bytes",
    "hand_out",
    "hash_descriptor",
    "hash_file",
    "host_name",
    "is_alive",
    "is_shared_folder",
    "kind_in",
    "kind_of",
    "link_or_copy",
    "make_private_folder",
    "make_private_folders",
    "make_shared_folder",
    "move",
    "move_all",
    "names_in",
    "no_step",
    "open_below",
    "publish",
    "remove",
    "remove_folder",
    "require_local",
    "retold",
    "seal",
    "seal_all",
    "sha256_of",
    "sha256_of_descriptor",
    "storage_error",
    "sweep_dead",
    "sync_folder",
    "sync_folders",
    "temporary_path",
    "translated",
    "unnamed",
    "write_new",
    "write_sealed",
    "writer_from_token",
]

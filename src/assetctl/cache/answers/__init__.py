"""One answer at a time, where its bytes and its row meet: found, handed out, stored, confirmed, pinned."""

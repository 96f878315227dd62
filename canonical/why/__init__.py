"""Why an entry is not billed, or where it is billed: each part in words, and by whom it waits."""

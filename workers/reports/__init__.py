"""Reports as people and machines read them: tables, workbooks, JSON."""

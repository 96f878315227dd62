"""What a contract version says about billing: lines by method, and policies as data."""

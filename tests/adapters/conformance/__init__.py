"""What every adapter must do, whoever the vendor: one suite, driven by each adapter's bench."""

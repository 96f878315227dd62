"""Operations and finance: the API and pages."""

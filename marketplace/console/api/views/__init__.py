"""Operations of /api, by noun."""

-- Entries of revenue: decided once, posted in the ERP once.

CREATE TABLE revenue_close (
    key TEXT NOT NULL,
    legal_entity TEXT NOT NULL,
    period TEXT NOT NULL,
    number INTEGER NOT NULL,
    post_on DATE NOT NULL,
    body JSONB NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT revenue_close_pkey PRIMARY KEY (key),
    CONSTRAINT revenue_close_legal_entity_period_number_key UNIQUE (legal_entity, period, number),
    CONSTRAINT revenue_close_number_check CHECK (number > 0)
);
COMMENT ON COLUMN revenue_close.number IS 'of the period''s entries, from 1';
COMMENT ON COLUMN revenue_close.body IS 'the entry; never changed';

CREATE TABLE revenue_posting (
    key TEXT NOT NULL,
    reference_system TEXT NOT NULL,
    reference_kind TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    number TEXT NOT NULL,
    body JSONB NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT revenue_posting_pkey PRIMARY KEY (key),
    CONSTRAINT revenue_posting_reference_key
        UNIQUE (reference_system, reference_kind, reference_id),
    CONSTRAINT revenue_posting_key_fkey FOREIGN KEY(key) REFERENCES revenue_close (key),
    CONSTRAINT revenue_posting_number_check CHECK (number <> '')
);
COMMENT ON COLUMN revenue_posting.body IS 'what the ERP booked, read back';

-- What was sealed is what is sent, on every attempt.
CREATE TRIGGER revenue_close_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON revenue_close
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The next entry of a period is decided when the one before is in the ERP's books.
CREATE FUNCTION one_unposted_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM revenue_close c
        WHERE (c.legal_entity, c.period) = (NEW.legal_entity, NEW.period) AND c.key <> NEW.key
          AND NOT EXISTS (SELECT 1 FROM revenue_posting p WHERE p.key = c.key)
    ) THEN
        RAISE EXCEPTION 'an entry of % in % is sealed and not posted', NEW.legal_entity, NEW.period
            USING ERRCODE = 'check_violation', CONSTRAINT = 'one_unposted_entry';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER revenue_close_in_order BEFORE INSERT ON revenue_close
    FOR EACH ROW EXECUTE FUNCTION one_unposted_entry();

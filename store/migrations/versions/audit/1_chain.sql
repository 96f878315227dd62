-- The audit trail, chained. Business transactions go on inserting rows into audit_event; a sealer
-- numbers and chains what is committed.

-- Which key protects a value is said in its place, the value itself is here, encrypted.
ALTER TABLE audit_event ADD COLUMN personal JSONB DEFAULT '{}' NOT NULL;
COMMENT ON COLUMN audit_event.personal
    IS 'ciphertexts by field; in the field''s place is whose key it is';

-- Texts only: they have one form, so that a row has one hash.
ALTER TABLE audit_event
    ADD CONSTRAINT audit_event_detail_check CHECK (
        jsonb_typeof(detail) = 'object'
        AND NOT jsonb_path_exists(detail, '$.* ? (@.type() <> "string")')),
    ADD CONSTRAINT audit_event_personal_check CHECK (
        jsonb_typeof(personal) = 'object'
        AND NOT jsonb_path_exists(personal, '$.* ? (@.type() <> "string")'));

CREATE TABLE audit_pending (
    chain TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    CONSTRAINT audit_pending_pkey PRIMARY KEY (chain, event_id)
);

CREATE TABLE audit_seal (
    chain TEXT NOT NULL,
    number BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT audit_seal_pkey PRIMARY KEY (chain, number),
    CONSTRAINT audit_seal_event_id_key UNIQUE (event_id),
    CONSTRAINT audit_seal_event_id_fkey FOREIGN KEY(event_id) REFERENCES audit_event (id),
    CONSTRAINT audit_seal_number_check CHECK (number >= 1),
    CONSTRAINT audit_seal_hash_check CHECK (octet_length(hash) = 32)
);
COMMENT ON COLUMN audit_seal.number IS 'of the chain''s rows, from 1';
COMMENT ON COLUMN audit_seal.hash IS 'over the hash before it and the row';

CREATE TABLE audit_checkpoint (
    chain TEXT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    previous BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    key_id TEXT NOT NULL,
    signature BYTEA NOT NULL,
    CONSTRAINT audit_checkpoint_pkey PRIMARY KEY (chain, number),
    CONSTRAINT audit_checkpoint_chain_number_fkey
        FOREIGN KEY(chain, number) REFERENCES audit_seal (chain, number),
    CONSTRAINT audit_checkpoint_previous_check CHECK (previous >= 0 AND previous < number),
    CONSTRAINT audit_checkpoint_hash_check CHECK (octet_length(hash) = 32)
);
COMMENT ON COLUMN audit_checkpoint.previous IS 'the number of the checkpoint before it, or 0';

CREATE TABLE subject_key (
    id UUID NOT NULL,
    lookup BYTEA,
    key_id TEXT NOT NULL,
    wrapped BYTEA,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    forgotten_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT subject_key_pkey PRIMARY KEY (id),
    CONSTRAINT subject_key_lookup_key UNIQUE (lookup),
    CONSTRAINT subject_key_forgotten_check CHECK (
        num_nulls(lookup, wrapped) = CASE WHEN forgotten_at IS NULL THEN 0 ELSE 2 END)
);
COMMENT ON COLUMN subject_key.id IS 'random: it says nothing of the person';
COMMENT ON COLUMN subject_key.lookup IS 'a keyed hash of the person''s name';
COMMENT ON COLUMN subject_key.wrapped IS 'the person''s key, encrypted with the audit key';

CREATE TRIGGER audit_seal_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoint_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- A person's key may be erased; that it was there stays.
CREATE TRIGGER subject_key_kept BEFORE DELETE OR TRUNCATE ON subject_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- In the transaction of the row itself, so that no row is ever missed, however late it commits.
CREATE FUNCTION queue_for_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_pending (chain, event_id)
    SELECT coalesce(nullif(legal_entity, ''), 'platform'), id FROM added;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_event_queued AFTER INSERT ON audit_event
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION queue_for_seal();

INSERT INTO audit_pending (chain, event_id)
SELECT coalesce(nullif(legal_entity, ''), 'platform'), id FROM audit_event;

-- Postings, payments, cases, the trail of what happened, leases.

CREATE SEQUENCE lease_fence;

CREATE TABLE audit_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    process TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    legal_entity TEXT DEFAULT '' NOT NULL,
    detail JSONB NOT NULL,
    CONSTRAINT audit_event_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_event_process_idx ON audit_event (process, id);

CREATE TABLE exception_case (
    id UUID NOT NULL,
    process TEXT NOT NULL,
    cause TEXT NOT NULL,
    subject TEXT NOT NULL,
    owner TEXT NOT NULL,
    message TEXT NOT NULL,
    next_step TEXT NOT NULL,
    legal_entity TEXT DEFAULT '' NOT NULL,
    amount NUMERIC,
    currency TEXT,
    state TEXT DEFAULT 'open' NOT NULL,
    occurrences INTEGER DEFAULT 1 NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    resolution TEXT DEFAULT '' NOT NULL,
    CONSTRAINT exception_case_pkey PRIMARY KEY (id),
    CONSTRAINT exception_case_state_check CHECK (state IN ('open', 'resolved')),
    CONSTRAINT exception_case_owner_check CHECK (owner IN ('project_operations', 'finance', 'integration_support'))
);
CREATE INDEX exception_case_open_idx ON exception_case (process)
    WHERE state = 'open';

CREATE TABLE lease (
    lane TEXT NOT NULL,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT lease_pkey PRIMARY KEY (lane, holder)
);

CREATE TABLE posting (
    key TEXT NOT NULL,
    system TEXT NOT NULL,
    state TEXT DEFAULT 'prepared' NOT NULL,
    reference_system TEXT,
    reference_kind TEXT,
    reference_id TEXT,
    attempts INTEGER DEFAULT 0 NOT NULL,
    prepared_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT posting_pkey PRIMARY KEY (key),
    CONSTRAINT posting_state_check CHECK (state IN ('prepared', 'sent', 'in_doubt', 'adopted', 'confirmed')),
    CONSTRAINT posting_reference_key UNIQUE (reference_system, reference_kind, reference_id)
);

CREATE TABLE payment (
    id UUID NOT NULL,
    reference_system TEXT NOT NULL,
    reference_kind TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    invoice_system TEXT NOT NULL,
    invoice_kind TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    our_invoice UUID,
    amount NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    paid_on DATE NOT NULL,
    bank_reference TEXT DEFAULT '' NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT payment_pkey PRIMARY KEY (id),
    CONSTRAINT payment_reference_system_reference_kind_reference_id_key UNIQUE (reference_system, reference_kind, reference_id),
    CONSTRAINT payment_our_invoice_fkey FOREIGN KEY(our_invoice) REFERENCES invoice (id)
);
CREATE INDEX payment_invoice_idx ON payment (invoice_system, invoice_kind, invoice_id);
CREATE INDEX payment_our_invoice_idx ON payment (our_invoice);

-- Work items, and per item how much is approved, billed and credited.

CREATE TABLE work_item (
    id UUID NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    version TIMESTAMP WITH TIME ZONE NOT NULL,
    revision INTEGER NOT NULL,
    project_system TEXT NOT NULL,
    project_kind TEXT NOT NULL,
    project_id TEXT NOT NULL,
    work_date DATE NOT NULL,
    approved BOOLEAN NOT NULL,
    approved_at TIMESTAMP WITH TIME ZONE,
    quantity NUMERIC NOT NULL,
    approved_quantity NUMERIC NOT NULL,
    cost NUMERIC DEFAULT 0 NOT NULL,
    currency TEXT,
    body JSONB NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT work_item_pkey PRIMARY KEY (id),
    CONSTRAINT work_item_source_kind_external_id_key UNIQUE (source, kind, external_id),
    CONSTRAINT work_item_kind_check CHECK (kind IN ('time', 'expense')),
    CONSTRAINT work_item_approved_quantity_check CHECK (approved_quantity >= 0 AND approved_quantity <= quantity)
);
CREATE INDEX work_item_project_idx ON work_item (project_system, project_kind, project_id, id);
COMMENT ON COLUMN work_item.revision IS 'counts changes of content';

CREATE TABLE credit_proposal (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    item_id UUID NOT NULL,
    quantity NUMERIC NOT NULL,
    reason TEXT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT credit_proposal_pkey PRIMARY KEY (id),
    CONSTRAINT credit_proposal_state_check CHECK (state IN ('open', 'withdrawn', 'credited')),
    CONSTRAINT credit_proposal_quantity_check CHECK (quantity > 0),
    CONSTRAINT credit_proposal_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id)
);
CREATE UNIQUE INDEX credit_proposal_open_idx ON credit_proposal (item_id)
    WHERE state = 'open';

CREATE TABLE work_item_balance (
    item_id UUID NOT NULL,
    approved NUMERIC NOT NULL,
    billed NUMERIC DEFAULT 0 NOT NULL,
    credited NUMERIC DEFAULT 0 NOT NULL,
    recall_pending NUMERIC DEFAULT 0 NOT NULL,
    CONSTRAINT work_item_balance_pkey PRIMARY KEY (item_id),
    CONSTRAINT work_item_balance_conservation_check CHECK (credited >= 0 AND billed >= credited AND billed - credited <= approved),
    CONSTRAINT work_item_balance_recall_pending_check CHECK (recall_pending >= 0 AND recall_pending <= approved),
    CONSTRAINT work_item_balance_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id)
);
COMMENT ON COLUMN work_item_balance.recall_pending IS 'billed, but no longer approved: waits for its credit';

-- Billing runs and what they make: immutable transactions, holds, invoices.

CREATE TABLE billing_run (
    engagement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    run INTEGER NOT NULL,
    cutoff TIMESTAMP WITH TIME ZONE NOT NULL,
    event_id UUID,
    state TEXT DEFAULT 'open' NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT billing_run_pkey PRIMARY KEY (engagement_id, period, run),
    CONSTRAINT billing_run_engagement_id_event_id_key UNIQUE (engagement_id, event_id),
    CONSTRAINT billing_run_state_check CHECK (state IN ('open', 'finished')),
    CONSTRAINT billing_run_run_check CHECK (run >= 1),
    CONSTRAINT billing_run_engagement_id_fkey FOREIGN KEY(engagement_id) REFERENCES engagement (id),
    CONSTRAINT billing_run_event_id_fkey FOREIGN KEY(event_id) REFERENCES business_event (id)
);

CREATE TABLE billing_transaction (
    id UUID NOT NULL,
    item_id UUID NOT NULL,
    item_version INTEGER NOT NULL,
    engagement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    run INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    contract_version INTEGER NOT NULL,
    line_id TEXT NOT NULL,
    portion INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    work_date DATE NOT NULL,
    person TEXT NOT NULL,
    person_name TEXT DEFAULT '' NOT NULL,
    role TEXT DEFAULT '' NOT NULL,
    task TEXT DEFAULT '' NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    quantity NUMERIC NOT NULL,
    rate NUMERIC NOT NULL,
    rate_basis TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    tax_code TEXT NOT NULL,
    currency_basis TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    credits UUID,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT billing_transaction_pkey PRIMARY KEY (id),
    CONSTRAINT billing_transaction_engagement_id_period_run_fkey FOREIGN KEY(engagement_id, period, run) REFERENCES billing_run (engagement_id, period, run),
    CONSTRAINT billing_transaction_contract_id_contract_version_fkey FOREIGN KEY(contract_id, contract_version) REFERENCES contract_version (contract_id, version),
    CONSTRAINT billing_transaction_id_item_id_key UNIQUE (id, item_id),
    CONSTRAINT billing_transaction_credits_item_id_fkey FOREIGN KEY(credits, item_id) REFERENCES billing_transaction (id, item_id),
    CONSTRAINT billing_transaction_quantity_check CHECK ((credits IS NULL AND quantity > 0) OR (credits IS NOT NULL AND quantity < 0)),
    CONSTRAINT billing_transaction_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id)
);
CREATE INDEX billing_transaction_credits_idx ON billing_transaction (credits)
    WHERE credits IS NOT NULL;
CREATE INDEX billing_transaction_item_idx ON billing_transaction (item_id);
CREATE INDEX billing_transaction_run_idx ON billing_transaction (engagement_id, period, run, id);

CREATE TABLE hold (
    item_id UUID NOT NULL,
    engagement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    run INTEGER NOT NULL,
    reason TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    held_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT hold_pkey PRIMARY KEY (item_id, engagement_id, period, run, reason),
    CONSTRAINT hold_engagement_id_period_run_fkey FOREIGN KEY(engagement_id, period, run) REFERENCES billing_run (engagement_id, period, run),
    CONSTRAINT hold_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id)
);
CREATE INDEX hold_run_idx ON hold (engagement_id, period, run);

CREATE TABLE invoice (
    id UUID NOT NULL,
    key TEXT NOT NULL,
    engagement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    run INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    legal_entity TEXT NOT NULL,
    bill_to UUID NOT NULL,
    state TEXT DEFAULT 'draft' NOT NULL,
    number TEXT DEFAULT '' NOT NULL,
    invoice_date DATE,
    due_date DATE,
    currency TEXT NOT NULL,
    net NUMERIC NOT NULL,
    tax NUMERIC NOT NULL,
    gross NUMERIC NOT NULL,
    booked_net NUMERIC,
    booked_tax NUMERIC,
    booked_gross NUMERIC,
    paid NUMERIC DEFAULT 0 NOT NULL,
    delivered_as TEXT DEFAULT '' NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    body JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT invoice_pkey PRIMARY KEY (id),
    CONSTRAINT invoice_key_key UNIQUE (key),
    CONSTRAINT invoice_engagement_id_bill_to_period_run_sequence_key UNIQUE (engagement_id, bill_to, period, run, sequence),
    CONSTRAINT invoice_engagement_id_period_run_fkey FOREIGN KEY(engagement_id, period, run) REFERENCES billing_run (engagement_id, period, run),
    CONSTRAINT invoice_state_check CHECK (state IN ('draft', 'posted', 'delivered', 'part_paid', 'paid', 'cancelled')),
    CONSTRAINT invoice_gross_check CHECK (gross = net + tax),
    CONSTRAINT invoice_bill_to_fkey FOREIGN KEY(bill_to) REFERENCES client (id)
);
CREATE INDEX invoice_day_idx ON invoice (legal_entity, invoice_date);
CREATE INDEX invoice_run_idx ON invoice (engagement_id, period, run);
COMMENT ON COLUMN invoice.body IS 'the draft, without its lines';

CREATE TABLE invoice_line (
    invoice_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    net NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    tax_code TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    CONSTRAINT invoice_line_pkey PRIMARY KEY (invoice_id, line_no),
    CONSTRAINT invoice_line_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoice (id)
);

CREATE TABLE invoice_transaction (
    transaction_id UUID NOT NULL,
    invoice_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    CONSTRAINT invoice_transaction_pkey PRIMARY KEY (transaction_id),
    CONSTRAINT invoice_transaction_invoice_id_line_no_fkey FOREIGN KEY(invoice_id, line_no) REFERENCES invoice_line (invoice_id, line_no),
    CONSTRAINT invoice_transaction_transaction_id_fkey FOREIGN KEY(transaction_id) REFERENCES billing_transaction (id)
);
CREATE INDEX invoice_transaction_invoice_idx ON invoice_transaction (invoice_id, line_no);
COMMENT ON COLUMN invoice_transaction.transaction_id IS 'a transaction is on one invoice at most';

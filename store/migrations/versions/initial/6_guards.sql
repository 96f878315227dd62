-- What no code may break: immutable rows, and conservation per work item.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed or deleted: add a row that corrects it', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER contract_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON contract_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER billing_transaction_immutable
    BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_transaction_immutable
    BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_line_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The balance is written by the two triggers below and by nobody else: called from inside another
-- trigger, this one stands at depth 2.
CREATE FUNCTION refuse_direct_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'work_item_balance follows work_item and billing_transaction: change those'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER work_item_balance_guarded
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON work_item_balance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct_balance();

-- Items are kept for ever; their balance begins with them.
CREATE TRIGGER work_item_kept BEFORE DELETE OR TRUNCATE ON work_item
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION open_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO work_item_balance (item_id, approved)
    SELECT id, approved_quantity FROM arrived ORDER BY id;
    RETURN NULL;
END $$;

CREATE TRIGGER work_item_opens_balance AFTER INSERT ON work_item
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION open_balance();

-- `approved` follows the newest version of the item, but never falls below what is billed; the
-- difference waits in `recall_pending` for a credit. Rows are locked in the order of their ids, so
-- that two writers cannot wait for each other. NO KEY UPDATE, because the foreign keys of
-- billing_transaction hold KEY SHARE on rows of their own.
CREATE FUNCTION follow_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM work_item_balance
    WHERE item_id IN (SELECT id FROM arrived) ORDER BY item_id FOR NO KEY UPDATE;

    UPDATE work_item_balance b
    SET approved = greatest(a.approved_quantity, b.billed - b.credited),
        recall_pending = greatest(b.billed - b.credited - a.approved_quantity, 0)
    FROM arrived a
    WHERE b.item_id = a.id
      AND a.approved_quantity IS DISTINCT FROM b.approved - b.recall_pending;
    RETURN NULL;
END $$;

CREATE TRIGGER work_item_moves_balance AFTER UPDATE ON work_item
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION follow_approval();

-- The sums of a transaction's rows are added under the row locks of their items, and the CHECK on
-- the balance refuses what would bill more than is approved: two racing runs cannot both pass.
-- `approved - recall_pending` is what the item's newest version approves; a credit lets `approved`
-- fall to it.
CREATE FUNCTION apply_billing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM work_item_balance
    WHERE item_id IN (SELECT item_id FROM arrived) ORDER BY item_id FOR NO KEY UPDATE;

    UPDATE work_item_balance b
    SET billed = b.billed + s.billed,
        credited = b.credited + s.credited,
        approved = greatest(b.approved - b.recall_pending, least(b.approved, s.net + b.billed - b.credited)),
        recall_pending = greatest(least(b.approved, s.net + b.billed - b.credited)
                                  - (b.approved - b.recall_pending), 0)
    FROM (
        SELECT item_id,
               coalesce(sum(quantity) FILTER (WHERE credits IS NULL), 0) AS billed,
               coalesce(-sum(quantity) FILTER (WHERE credits IS NOT NULL), 0) AS credited,
               sum(quantity) AS net
        FROM arrived GROUP BY item_id
    ) s
    WHERE b.item_id = s.item_id;

    IF EXISTS (SELECT 1 FROM arrived WHERE credits IS NOT NULL) THEN
        IF EXISTS (
            SELECT 1 FROM billing_transaction t
            WHERE t.id IN (SELECT credits FROM arrived)
              AND t.quantity + (SELECT sum(c.quantity) FROM billing_transaction c
                                WHERE c.credits = t.id) < 0
        ) THEN
            RAISE EXCEPTION 'a transaction would be credited by more than its quantity'
                USING ERRCODE = 'check_violation';
        END IF;
        UPDATE credit_proposal p SET state = 'credited', closed_at = now()
        FROM work_item_balance b
        WHERE p.item_id IN (SELECT item_id FROM arrived) AND p.state = 'open'
          AND b.item_id = p.item_id AND b.recall_pending = 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER billing_transaction_moves_balance AFTER INSERT ON billing_transaction
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION apply_billing();

// The official Node SDK as a client of the server that the environment names: every row operation there and back.
'use strict';

const assert = require('assert');
const TableStore = require('tablestore');

const { Long, Condition, RowExistenceExpectation: Expect, ComparatorType: Is, ReturnType } = TableStore;
const { INF_MIN, INF_MAX, PK_AUTO_INCR } = TableStore;

const client = new TableStore.Client({
  accessKeyId: process.env.OTS_ACCESS_KEY_ID,
  secretAccessKey: process.env.OTS_ACCESS_KEY_SECRET,
  endpoint: process.env.OTS_ENDPOINT,
  instancename: process.env.OTS_INSTANCE,
  maxRetries: 0,
});

// CreateTable has no argument for local transactions: field 8 is added to the message on its way out.
const encode = TableStore.encoder.encode;
TableStore.encoder.encode = (operation, params) => {
  const request = encode(operation, params);
  if (operation !== 'createTable') return request;
  const message = Object.getPrototypeOf(request).constructor;
  return Object.create({ constructor: { encode: () => message.encode(request).uint32(8 << 3).bool(true) } });
};

const call = (operation, params) =>
  new Promise((resolve, reject) => client[operation](params, (error, data) => (error ? reject(error) : resolve(data))));

const refused = (code, operation, params) =>
  assert.rejects(call(operation, params), (error) => {
    assert.ok(String(error).includes(code), `${operation}: ${error}`);
    return true;
  });

const int = (value) => Long.fromNumber(value);
const key = (name, n) => [{ name }, { n: int(n) }];
const when = (expect, column) => new Condition(expect, column || null);
const equal = (name, value, missing = false) => new TableStore.SingleColumnCondition(name, value, Is.EQUAL, missing);
const table = 'trip';

function plain(row) {
  if (!row || !row.primaryKey) return null;
  const value = (v) => (v instanceof Buffer ? 'bytes ' + v.toString('hex') : typeof v === 'object' ? Number(v.toString()) : v);
  return Object.fromEntries(row.attributes.map((cell) => [cell.columnName, value(cell.columnValue)]));
}

const get = async (primaryKey, more) =>
  plain((await call('getRow', { tableName: table, primaryKey, maxVersions: 1, ...more })).row);

const put = (primaryKey, attributeColumns, more) =>
  call('putRow', { tableName: table, condition: when(Expect.IGNORE), primaryKey, attributeColumns, ...more });

const update = (primaryKey, updateOfAttributeColumns, more) =>
  call('updateRow', { tableName: table, condition: when(Expect.IGNORE), primaryKey, updateOfAttributeColumns, ...more });

const range = async (more) => {
  const data = await call('getRange', {
    tableName: table,
    direction: TableStore.Direction.FORWARD,
    maxVersions: 1,
    inclusiveStartPrimaryKey: [{ name: INF_MIN }, { n: INF_MIN }],
    exclusiveEndPrimaryKey: [{ name: INF_MAX }, { n: INF_MAX }],
    ...more,
  });
  const rows = data.rows.map((row) => row.primaryKey[0].value + row.primaryKey[1].value);
  return { rows, next: data.nextStartPrimaryKey || data.next_start_primary_key, consumed: data.consumed };
};

const trips = {
  async tables() {
    await call('createTable', {
      tableMeta: {
        tableName: table,
        primaryKey: [{ name: 'name', type: 'STRING' }, { name: 'n', type: 'INTEGER' }],
        definedColumn: [{ name: 'city', type: TableStore.DefinedColumnType.DCT_STRING }],
      },
      reservedThroughput: { capacityUnit: { read: 0, write: 0 } },
      tableOptions: { timeToLive: -1, maxVersions: 1 },
    });
    assert.deepStrictEqual((await call('listTable', {})).tableNames, [table]);
    const described = await call('describeTable', { tableName: table });
    assert.deepStrictEqual(described.tableMeta.primaryKey.map((column) => column.name), ['name', 'n']);
    assert.strictEqual(described.tableOptions.maxVersions, 1);
    await call('updateTable', { tableName: table, tableOptions: { timeToLive: -1, maxVersions: 1, maxTimeDeviation: 86401 } });
    await refused('OTSObjectAlreadyExist', 'createTable', {
      tableMeta: { tableName: table, primaryKey: [{ name: 'name', type: 'STRING' }] },
      reservedThroughput: { capacityUnit: { read: 0, write: 0 } },
      tableOptions: { timeToLive: -1, maxVersions: 1 },
    });
  },

  async rows() {
    const columns = [{ text: '表格存储' }, { int: int(-7) }, { double: 0.25 }, { yes: true }, { bytes: Buffer.from([0, 255]) }];
    const written = await put(key('a', 1), columns, { returnContent: { returnType: ReturnType.Primarykey } });
    assert.deepStrictEqual(written.row.primaryKey.map((column) => String(column.value)), ['a', '1']);
    assert.strictEqual(written.consumed.capacityUnit.write, 1);
    assert.deepStrictEqual(await get(key('a', 1)), { bytes: 'bytes 00ff', double: 0.25, int: -7, text: '表格存储', yes: true });
    assert.deepStrictEqual(await get(key('a', 1), { columnsToGet: ['int', 'none'] }), { int: -7 });
    assert.strictEqual(await get(key('none', 1)), null);

    await update(key('a', 1), [{ PUT: [{ int: int(8) }, { more: 'x' }] }, { DELETE_ALL: ['bytes', 'double', 'yes'] }]);
    assert.deepStrictEqual(await get(key('a', 1)), { int: 8, more: 'x', text: '表格存储' });
    const sum = await update(key('a', 1), [{ INCREMENT: [{ int: int(-10) }] }], {
      returnContent: { returnType: ReturnType.AfterModify, returnColumns: ['int'] },
    });
    assert.deepStrictEqual(plain(sum.row), { int: -2 });

    await call('deleteRow', { tableName: table, condition: when(Expect.EXPECT_EXIST), primaryKey: key('a', 1) });
    assert.strictEqual(await get(key('a', 1)), null);
    await refused('OTSConditionCheckFail', 'deleteRow', { tableName: table, condition: when(Expect.EXPECT_EXIST), primaryKey: key('a', 1) });
    await refused('OTSInvalidPK', 'getRow', { tableName: table, primaryKey: [{ wrong: 'a' }, { n: int(1) }], maxVersions: 1 });
  },

  async conditionsAndFilters() {
    await put(key('c', 1), [{ x: int(1) }, { y: 'b' }, { z: int(3) }]);
    const change = [{ PUT: [{ x: int(2) }] }];
    await refused('OTSConditionCheckFail', 'updateRow', {
      tableName: table, primaryKey: key('c', 1), updateOfAttributeColumns: change, condition: when(Expect.IGNORE, equal('x', int(9))),
    });
    await update(key('c', 1), change, { condition: when(Expect.EXPECT_EXIST, equal('x', int(1))) });
    const all = new TableStore.CompositeCondition(TableStore.LogicalOperator.AND);
    all.addSubCondition(equal('x', int(2)));
    all.addSubCondition(equal('y', 'b'));
    assert.deepStrictEqual(await get(key('c', 1), { columnFilter: all }), { x: 2, y: 'b', z: 3 });
    all.addSubCondition(equal('none', 'b'));
    assert.strictEqual(await get(key('c', 1), { columnFilter: all }), null);
    const page = new TableStore.ColumnPaginationFilter(1, 1);
    assert.deepStrictEqual(await get(key('c', 1), { columnFilter: page }), { y: 'b' });
  },

  async batches() {
    const row = (type, n, attributeColumns, condition) => ({ type, primaryKey: key('b', n), attributeColumns, condition: condition || when(Expect.IGNORE) });
    const write = (rows) => call('batchWriteRow', { tables: [{ tableName: table, rows }] });
    await write([row('PUT', 1, [{ v: 'one' }]), row('PUT', 2, [{ v: 'two' }]), row('PUT', 3, [{ v: 'three' }])]);
    const answer = await write([
      row('UPDATE', 1, [{ PUT: [{ v: 'ONE' }] }]), row('DELETE', 2, []), row('PUT', 3, [{ v: 'no' }], when(Expect.EXPECT_NOT_EXIST)),
    ]);
    assert.deepStrictEqual(answer.tables.map((one) => one.isOk), [true, true, false]);
    const read = await call('batchGetRow', { tables: [{ tableName: table, primaryKey: [3, 2, 1].map((n) => key('b', n)), maxVersions: 1 }] });
    assert.deepStrictEqual(read.tables[0].map(plain), [{ v: 'three' }, null, { v: 'ONE' }]);
  },

  async ranges() {
    assert.deepStrictEqual((await range()).rows, ['b1', 'b3', 'c1']);
    const back = {
      direction: TableStore.Direction.BACKWARD,
      inclusiveStartPrimaryKey: [{ name: 'b' }, { n: INF_MAX }],
      exclusiveEndPrimaryKey: [{ name: 'b' }, { n: int(1) }],
    };
    assert.deepStrictEqual((await range(back)).rows, ['b3']);
    const first = await range({ limit: 2 });
    assert.deepStrictEqual(first.rows, ['b1', 'b3']);
    const next = first.next.map((column) => ({ [column.name]: column.value }));
    assert.deepStrictEqual((await range({ inclusiveStartPrimaryKey: next })).rows, ['c1']);
    await refused('OTSParameterInvalid', 'getRange', {
      tableName: table, direction: TableStore.Direction.FORWARD, maxVersions: 1,
      inclusiveStartPrimaryKey: [{ name: INF_MAX }, { n: INF_MAX }], exclusiveEndPrimaryKey: [{ name: INF_MIN }, { n: INF_MIN }],
    });
  },

  async keysThatTheServiceChooses() {
    const tableName = 'chosen';
    await call('createTable', {
      tableMeta: { tableName, primaryKey: [{ name: 'k', type: 'STRING' }, { name: 'seq', type: 'INTEGER', option: 'AUTO_INCREMENT' }] },
      reservedThroughput: { capacityUnit: { read: 0, write: 0 } },
      tableOptions: { timeToLive: -1, maxVersions: 1 },
    });
    const one = () => call('putRow', {
      tableName, condition: when(Expect.IGNORE), primaryKey: [{ k: 'a' }, { seq: PK_AUTO_INCR }], attributeColumns: [{ v: 'x' }],
      returnContent: { returnType: ReturnType.Primarykey },
    });
    const chosen = [await one(), await one()].map((answer) => Number(answer.row.primaryKey[1].value.toString()));
    assert.ok(chosen[0] < chosen[1], chosen.join());
    const read = await call('getRow', { tableName, primaryKey: [{ k: 'a' }, { seq: int(chosen[0]) }], maxVersions: 1 });
    assert.deepStrictEqual(plain(read.row), { v: 'x' });
    await call('deleteTable', { tableName });
  },

  async transactions() {
    for (const commit of [false, true]) {
      const { transactionId } = await call('startLocalTransaction', { tableName: table, primaryKey: [{ name: 'b' }] });
      await put(key('b', 9), [{ v: 'inside' }], { transactionId });
      assert.deepStrictEqual(await get(key('b', 9), { transactionId }), { v: 'inside' });
      assert.strictEqual(await get(key('b', 9)), null);
      await refused('OTSRowOperationConflict', 'deleteRow', { tableName: table, condition: when(Expect.IGNORE), primaryKey: key('b', 9) });
      await call(commit ? 'commitTransaction' : 'abortTransaction', { transactionId });
      assert.deepStrictEqual(await get(key('b', 9)), commit ? { v: 'inside' } : null);
    }
  },

  async indexes() {
    await put(key('i', 1), [{ city: 'Rome' }]);
    await call('createIndex', { mainTableName: table, indexMeta: { name: 'by_city', primaryKey: ['city'], definedColumn: [] }, includeBaseData: true });
    await put(key('i', 2), [{ city: 'Oslo' }]);
    const found = await call('getRange', {
      tableName: 'by_city', direction: TableStore.Direction.FORWARD, maxVersions: 1,
      inclusiveStartPrimaryKey: [{ city: INF_MIN }, { name: INF_MIN }, { n: INF_MIN }],
      exclusiveEndPrimaryKey: [{ city: INF_MAX }, { name: INF_MAX }, { n: INF_MAX }],
    });
    const values = found.rows.map((row) => row.primaryKey.map((column) => String(column.value)).join());
    assert.deepStrictEqual(values, ['Oslo,i,2', 'Rome,i,1']);
    await call('dropIndex', { mainTableName: table, indexName: 'by_city' });
    await call('deleteTable', { tableName: table });
    assert.deepStrictEqual((await call('listTable', {})).tableNames, []);
  },
};

(async () => {
  for (const [name, trip] of Object.entries(trips)) {
    await trip();
    console.log('ok', name);
  }
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

/** Runs before each test file: the product's log lines would bury what jest has to say. */
process.env['POWERTOOLS_LOG_LEVEL'] ??= 'SILENT';

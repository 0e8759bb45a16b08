export default { schema: 'schema.prisma', datasource: { url: 'file:/data.db' } }

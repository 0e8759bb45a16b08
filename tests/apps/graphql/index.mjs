import { buildSchema, graphql } from 'graphql'

const schema = buildSchema('type Query { double(number: Int!): Int }')
const rootValue = { double: ({ number }) => number * 2 }
const answer = await graphql({ schema, rootValue, source: '{ double(number: 21) }' })
console.log('graphql:', JSON.stringify(answer))

export const getServerSideProps = ({ query }) => ({ props: { name: query.name } })

export default function Page({ name }) {
  return <h1>hello {name}</h1>
}

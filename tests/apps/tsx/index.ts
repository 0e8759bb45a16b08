enum Colour { Red = 'red' }

class Point {
  constructor(readonly x: number, readonly colour: Colour) {}
}
const point = new Point(1, Colour.Red)
console.log('tsx:', point.x, point.colour)

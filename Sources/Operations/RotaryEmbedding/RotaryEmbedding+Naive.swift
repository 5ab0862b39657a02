import RealModule

extension Naive {
  /// Rotates pairs `(i, i + rotaryDim/2)` of every head by `position * frequency`, times the amplitude.
  public static func rotate<T: Real>(
    _ x: [T], headDim: Int, positions: [Int], frequencies: [T], amplitude: T = 1
  ) -> [T] {
    let width = x.count / positions.count
    let half = frequencies.count
    var output = x
    for (token, position) in positions.enumerated() {
      for head in stride(from: token * width, to: (token + 1) * width, by: headDim) {
        for pair in 0..<half {
          let angle = T(position) * frequencies[pair]
          let (a, b) = (x[head + pair], x[head + half + pair])
          output[head + pair] = amplitude * (a * T.cos(angle) - b * T.sin(angle))
          output[head + half + pair] = amplitude * (b * T.cos(angle) + a * T.sin(angle))
        }
      }
    }
    return output
  }
}

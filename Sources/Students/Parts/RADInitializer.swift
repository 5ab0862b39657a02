import Differentiation
import Foundation
import Operations
import TensorCore

/// Initial values, as functions of the seed, the layer and the parameter's name.
struct RADInitializer {
  let geometry: LayerGeometry
  let seed: UInt64
  /// Of the mixer.
  let purpose: String

  /// Channels of all query heads.
  var width: Int { geometry.attention.queryWidth }
  var hiddenSize: Int { geometry.hiddenSize }
  /// `l / (L − 1)`, 0 of a single layer.
  var depth: Double { Double(geometry.layer) / Double(max(1, geometry.layers - 1)) }

  func constant(_ name: String, _ value: Float, _ shape: Shape) -> Parameter {
    Parameter(name: name, value: Tensor(repeating: value, shape))
  }

  func uniform(_ name: String, _ shape: Shape, bound: Float) -> Parameter {
    var generator = generator(name)
    return Parameter(name: name, value: .uniform(shape, in: -bound...bound, using: &generator))
  }

  /// `first + 5 (n / (channels − 1))^power`, `[1, 1, channels]`: how fast a channel forgets; or, in
  /// the heads of a layer whose attention was measured, what makes that `exp(−1/d)` a token of the
  /// mean distance `d`.
  ///
  /// - Parameter speed: that a rate `−log w` is made of.
  func decaySpeeds(
    _ name: String, first: Double, power: Double, start: DecayStart,
    speed: (_ rate: Double) -> Double
  ) -> Parameter {
    let speeds = (0..<width).map { channel in
      let head = channel / geometry.attention.headDim
      if start == .calibrated, let distance = geometry.replaced?.statistics[head].distance {
        // So that a head which looks at its own token alone does not forget all.
        return Float(speed(1 / max(distance, 0.25)))
      }
      return Float(first + 5 * pow(Double(channel) / Double(max(1, width - 1)), power))
    }
    return Parameter(name: name, value: Tensor(speeds, [1, 1, width]))
  }

  /// A random matrix with orthogonal rows, or columns where these are fewer, each of length
  /// `scale`, times `√(rows/columns)` where there are more rows.
  func orthogonal(_ name: String, _ rows: Int, _ columns: Int, scale: Double) -> Parameter {
    var generator = generator(name)
    let (count, length) = (min(rows, columns), max(rows, columns))
    let draws = Tensor.normal([count, length], deviation: 1, using: &generator)
    let gain = rows > columns ? scale * (Double(rows) / Double(columns)).squareRoot() : scale
    let matrix = orthogonalRows(draws, length: gain)
    return Parameter(name: name, value: rows > columns ? transposed(matrix) : matrix)
  }

  private func generator(_ name: String) -> SeededGenerator {
    SeededGenerator(seed: seed, purpose: "\(purpose).\(name).\(geometry.layer)")
  }
}

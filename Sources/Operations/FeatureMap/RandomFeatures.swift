import CVectorKernels
import Foundation
import TensorCore

/// Performer's positive orthogonal random features, FAVOR+ (arXiv 2009.14794, sections 2.3, 2.4):
///
///     φ(u) = m^{−1/2} [exp(ω_r·x − |x|²/2 − c) + ε]_{r = 1…m},  x = √scale u
///
/// so that `φq·φk` estimates `exp(scale q·k)`. The shift `c` must not depend on other tokens, or
/// decoding could not repeat what the parallel form has done: of a query it is its own largest
/// exponent, which the normaliser takes out again; of keys it is a constant, which does so too,
/// where the original takes the maximum over all keys, later ones included. The constant is 0
/// unless the longest `ω_r` is so long that a key along it would overflow.
public struct RandomFeatures: Sendable {
  /// `ω`, `[count, dim]`, the same for every head of a layer.
  public let directions: Tensor
  /// Factor of the query-key products that the features stand for.
  public let scale: Float
  /// `ε`, added to every exponential, so that no row of weights is empty.
  public let epsilon: Float
  /// `c` of the keys. An exponent is at most `|ω_r|²/2`; shifted, at most 60.
  public let keyShift: Float

  /// The number of random directions, and of features.
  public var count: Int { directions.shape[0] }
  var dim: Int { directions.shape[1] }

  /// Features along the given directions, `[count, dim]`.
  public init(directions: Tensor, scale: Float, epsilon: Float) {
    self.directions = directions
    self.scale = scale
    self.epsilon = epsilon
    let (count, dim) = (directions.shape[0], directions.shape[1])
    let longest = directions.withPointer { directions in
      (0..<count).map { vk_dot(directions + $0 * dim, directions + $0 * dim, dim) }.max()!
    }
    keyShift = max(0, longest / 2 - 60)
  }

  /// Rows of orthogonal matrices, as many as are needed, with the lengths that rows of independent
  /// normal draws have.
  public static func drawDirections(
    count: Int, dim: Int, using generator: inout SeededGenerator
  ) -> Tensor {
    precondition(count > 0 && dim > 0, "\(count) features of \(dim) coordinates")
    var rows: [[Double]] = []
    while rows.count < count {
      let block = orthonormal((0..<dim).map { _ in normalDraws(dim, using: &generator) })
      rows += block.prefix(count - rows.count)
    }
    let elements = rows.flatMap { row in
      let length = norm(normalDraws(dim, using: &generator))
      return row.map { Float($0 * length) }
    }
    return Tensor(elements, [count, dim])
  }

  /// Gram-Schmidt, twice, for what rounding leaves of the first.
  private static func orthonormal(_ rows: [[Double]]) -> [[Double]] {
    var result: [[Double]] = []
    for var row in rows {
      for _ in 0..<2 {
        for other in result {
          let along = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
          for index in row.indices { row[index] -= along * other[index] }
        }
      }
      let length = norm(row)
      result.append(row.map { $0 / length })
    }
    return result
  }

  private static func norm(_ row: [Double]) -> Double {
    row.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// Box-Muller, both halves of every pair.
  private static func normalDraws(
    _ count: Int, using generator: inout SeededGenerator
  ) -> [Double] {
    var draws: [Double] = []
    while draws.count < count {
      let radius = (-2 * log(1 - generator.uniform())).squareRoot()
      let angle = 2 * Double.pi * generator.uniform()
      draws += [radius * cos(angle), radius * sin(angle)].prefix(count - draws.count)
    }
    return draws
  }
}

/// Features of queries or of keys, `[tokens, heads * dim] -> [tokens, heads * count]`.
public func randomFeatures(_ u: Tensor, _ map: RandomFeatures, ofQueries: Bool) -> Tensor {
  var features = map.exponents(of: u, ofQueries: ofQueries)
  let factor = 1 / Float(map.count).squareRoot()
  features.withMutablePointer { features in
    WorkerPool.shared.parallelRanges(u.count / map.dim, minimum: 16) { range in
      for row in range {
        let line = features + row * map.count
        _ = vk_exp_sum(line, line, map.count, 1, 0)
        for index in 0..<map.count { line[index] = factor * (line[index] + map.epsilon) }
      }
    }
  }
  return features.reshaped([u.shape[0], u.count / u.shape[0] / map.dim * map.count])
}

/// Gradient of `randomFeatures` for `u`; exponentials are computed again.
public func randomFeaturesGradient(
  _ gradient: Tensor, u: Tensor, _ map: RandomFeatures, ofQueries: Bool
) -> Tensor {
  let rows = u.count / map.dim
  let factor = 1 / Float(map.count).squareRoot()
  // Of the exponents, dE = g m^{−1/2} exp(e − c); a query's shift takes their sum from the largest.
  var exponents = map.exponents(of: u, ofQueries: ofQueries)
  var sums = Tensor(uninitialized: [rows])
  withPointers(writing(&exponents), writing(&sums), gradient) { exponents, sums, gradient in
    WorkerPool.shared.parallelRanges(rows, minimum: 16) { range in
      for row in range {
        let line = exponents + row * map.count
        var largest = 0
        for index in 0..<map.count where line[index] > line[largest] { largest = index }
        _ = vk_exp_sum(line, line, map.count, 1, 0)
        var sum: Float = 0
        for index in 0..<map.count {
          line[index] *= factor * gradient[row * map.count + index]
          sum += line[index]
        }
        if ofQueries { line[largest] -= sum }
        sums[row] = sum
      }
    }
  }
  var result = scaled(
    matrixProduct(exponents, map.directions), by: map.scale.squareRoot()
  ).reshaped(u.shape)
  // A query's |x|²/2 is part of its shift as well, and cancels.
  if !ofQueries {
    withPointers(writing(&result), u, sums) { result, u, sums in
      for row in 0..<rows {
        let start = row * map.dim
        vk_add_scaled(result + start, u + start, -map.scale * sums[row], map.dim)
      }
    }
  }
  return result
}

extension RandomFeatures {
  /// `ω_r·x − |x|²/2 − c`, `[tokens * heads, count]`.
  fileprivate func exponents(of u: Tensor, ofQueries: Bool) -> Tensor {
    let rows = u.count / dim
    precondition(u.count == rows * dim, "\(u.shape) for rows of \(dim)")
    let root = scale.squareRoot()
    var exponents = matrixProduct(
      u.reshaped([rows, dim]), directions, rightTransposed: true)
    withPointers(writing(&exponents), u) { exponents, u in
      WorkerPool.shared.parallelRanges(rows, minimum: 16) { range in
        for row in range {
          let line = exponents + row * count
          let x = u + row * dim
          let shift =
            ofQueries
            ? root * vk_max(line, count) : 0.5 * scale * vk_dot(x, x, dim) + keyShift
          for index in 0..<count { line[index] = root * line[index] - shift }
        }
      }
    }
    return exponents
  }
}

import CVectorKernels
import Foundation
import TensorCore

/// Rows and columns in which matrices of attention weights are gone through.
enum WeightTile {
  static let rows = 64
  /// Two tiles of scores stay in the cache, and products of them are as fast as of longer ones.
  static let keys = 256
}

extension HybridHead {
  /// Scores of a tile, but for the shape's `scoreFactor`, `[queries, keys]`.
  func multiply(
    _ queries: Range<Int>, _ keys: Range<Int>, into products: UnsafeMutablePointer<Float>
  ) {
    BLAS.multiply(
      m: queries.count, n: keys.count, k: d,
      Matrix(self.queries + queries.lowerBound * queryStride, stride: queryStride),
      Matrix(self.keys(at: keys.lowerBound), stride: keyStride).transposed, into: products,
      stride: keys.count)
    shape.attention.transformScores(products, queries.count * keys.count)
  }
}

/// The part of a range of positions that lies in a tile, counted from the tile's start.
func part(of positions: Range<Int>, in tile: Range<Int>) -> Range<Int> {
  let part = positions.clamped(to: tile)
  return part.lowerBound - tile.lowerBound..<part.upperBound - tile.lowerBound
}

/// `Σ exp(x − maximum)` of numbers that come in pieces.
struct ExponentialSum {
  var maximum = -Float.infinity
  var total: Float = 0

  var logarithm: Float { maximum + Operations.logarithm(total) }

  /// - Parameters:
  ///   - products: of the tile's keys; those of `positions` are added, times `scale`.
  ///   - scratch: overwritten.
  mutating func add(
    _ products: UnsafePointer<Float>, _ positions: Range<Int>, of tile: Range<Int>,
    _ scale: Float, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let part = part(of: positions, in: tile)
    if part.isEmpty { return }
    let largest = max(maximum, scale * vk_max(products + part.lowerBound, part.count))
    let sum = vk_exp_sum(products + part.lowerBound, scratch, part.count, scale, largest)
    total = total * expf(maximum - largest) + sum
    maximum = largest
  }
}

/// `Σ φk` over the keys of the linear part before a position that only moves on.
struct RunningFeatures {
  private let head: HybridHead
  private var sum: Tensor
  private var next: Int

  init(_ head: HybridHead) {
    self.head = head
    sum = Tensor(zeros: [head.f])
    next = head.shape.sinks
  }

  mutating func advance(to position: Int) {
    if next >= position { return }
    let (head, first) = (head, next)
    sum.withMutablePointer { sum in
      for key in first..<position { vk_add_scaled(sum, head.features(at: key), 1, head.f) }
    }
    next = position
  }

  func dot(_ features: UnsafePointer<Float>) -> Float {
    sum.withPointer { vk_dot($0, features, head.f) }
  }

  func add(to row: UnsafeMutablePointer<Float>, times factor: Float) {
    sum.withPointer { vk_add_scaled(row, $0, factor, head.f) }
  }
}

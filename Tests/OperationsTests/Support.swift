import TensorCore
import TestSupport
import Testing

@testable import Operations

func head(_ values: [Double], _ shape: Shape, _ transform: ScoreTransform = .identity) -> LogitHead
{
  LogitHead(stored(values, shape), transform: transform)
}

/// What logits are bounded and scaled by in tests: enough to bend those of a normal draw.
struct TransformCase: Sendable, CustomTestStringConvertible {
  var scale: Double = 1
  var cap: Double?

  static let all = [
    TransformCase(), TransformCase(cap: 3), TransformCase(scale: 0.4, cap: 2.5),
    TransformCase(scale: 1.7),
  ]

  var value: ScoreTransform { ScoreTransform(scale: Float(scale), cap: cap.map { Float($0) }) }
  var testDescription: String { "scale \(scale), cap \(cap.map { "\($0)" } ?? "none")" }

  func callAsFunction(_ logit: Double) -> Double {
    Naive.transformed(logit, scale: scale, cap: cap)
  }
}

/// Columns `head * width ..< (head + 1) * width` of the given rows.
func slice(_ x: [Double], rows: Range<Int>, width: Int, heads: Int, head: Int) -> [Double] {
  rows.flatMap { row in
    (0..<width).map { x[row * heads * width + head * width + $0] }
  }
}

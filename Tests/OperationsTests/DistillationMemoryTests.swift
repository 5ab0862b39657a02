import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Operations

/// What a step of attention transfer holds beyond activations and their gradients.
@Suite struct DistillationMemoryTests {
  /// Most bytes in use beyond the results of each operation, one worker's.
  struct Scratch: CustomStringConvertible {
    let weightLoss, forward, backward: Int
    var description: String { "\(weightLoss), \(forward), \(backward) bytes" }

    /// One head of 64 coordinates and 128 features.
    init(length: Int, window: AttentionWindow, isCausal: Bool) {
      let (d, f) = (64, 128)
      let shape = HybridAttentionShape(
        attention: AttentionShape(
          queryHeads: 1, keyValueHeads: 1, headDim: d, isCausal: isCausal),
        featureDim: f, window: window)
      let layout = SequenceLayout(length: length)
      let operand = { (width: Int) in
        Tensor((0..<length * width).map { Float(($0 * 37) % 101 + 1) / 101 }, [length, width])
      }
      let (x, features, factors) = (operand(d), operand(f), Tensor(zeros: [1]))
      let gradients = 2 * length * f * 4
      weightLoss =
        BufferPool.shared.peakBytes {
          _ = attentionWeightCrossEntropy(
            queries: x, keys: x, queryFeatures: features, keyFeatures: features,
            windowFactors: factors, shape: shape, layout: layout, floor: .add, weight: 1)
        } - gradients
      var result: (output: Tensor, statistics: HybridAttentionStatistics)!
      forward =
        BufferPool.shared.peakBytes {
          result = hybridAttention(
            queries: x, keys: x, values: x, queryFeatures: features, keyFeatures: features,
            windowFactors: factors, shape: shape, layout: layout)
        } - length * (d + 2) * 4
      backward =
        BufferPool.shared.peakBytes {
          _ = hybridAttentionGradients(
            x, queries: x, keys: x, values: x, queryFeatures: features, keyFeatures: features,
            windowFactors: factors, output: result.output, statistics: result.statistics,
            shape: shape, layout: layout, projections: false)
        } - gradients
    }

    /// Of the step: the operations follow one another.
    var peak: Int { max(weightLoss, forward, backward) }
  }

  @Test func `four times the tokens need at most 1.5 times the scratch, whatever the student`()
    async
  {
    // In a process of its own: the pool is shared, and counts what other tests take as well.
    await #expect(processExitsWith: .success) {
      // One worker, so that the number does not hang on when others wake up.
      setenv("LINEARIZE_THREADS", "1", 1)
      let cases: [(window: AttentionWindow, isCausal: Bool)] = [
        (.none, true), (.none, false), (.sliding(64), true), (.terrace(64), true),
      ]
      for (window, isCausal) in cases {
        let (short, long) = (
          Scratch(length: 1024, window: window, isCausal: isCausal),
          Scratch(length: 4096, window: window, isCausal: isCausal)
        )
        for (name, ratio) in [
          ("step", Double(long.peak) / Double(short.peak)),
          ("weightLoss", Double(long.weightLoss) / Double(short.weightLoss)),
          ("forward", Double(long.forward) / Double(short.forward)),
          ("backward", Double(long.backward) / Double(short.backward)),
        ] {
          precondition(ratio <= 1.5, "\(name), \(window), \(isCausal): \(short), \(long)")
        }
        // Two tiles of 64 queries and 256 keys, and a little for the rows.
        precondition(long.weightLoss < 200 << 10, "\(long)")
      }
    }
  }
}

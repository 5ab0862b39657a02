import Corpus
import Differentiation
import Documents
import Foundation
import Models
import Operations
import Pipeline
import Students
import TensorCore
import Transformers

/// Times what the project's speed is made of, on a real teacher and real text, beside its own
/// references in the same run: the rate of a plain matrix product, and the naive twin of the
/// attention kernel, with which it is compared before it is timed.
///
///     OperationBenchmarks MODEL TEXT [--quick]
@main
struct Benchmarks {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--") }
    guard arguments.count == 2 else {
      print("usage: OperationBenchmarks MODEL TEXT [--quick]")
      exit(64)
    }
    let isQuick = CommandLine.arguments.contains("--quick")
    let model = try LoadedModel.open(arguments[arguments.startIndex])
    let text = try String(
      contentsOfFile: arguments[arguments.startIndex + 1], encoding: .utf8)
    let tokens = try model.requireTokenizer().encode(
      String(text.prefix(isQuick ? 80_000 : 400_000)))
    guard tokens.count >= ModelBenchmarks.longest else {
      print(
        "the text has \(tokens.count) tokens, expected \(ModelBenchmarks.longest) or more; give a longer one"
      )
      exit(65)
    }
    print("OpenBLAS \(OpenBLASInformation.core), \(WorkerPool.shared.workers) workers")
    let rate = matrixProductRate() / 1e9
    print(String(format: "matrix product 1024x576x1536            %8.1f GFLOP/s", rate))
    try hybridKernel()
    recurrentKernels()
    storedRows()
    storedMatrices()
    let suite = ModelBenchmarks(model: model, tokens: tokens, isQuick: isQuick, rate: rate)
    try suite.run()
    print("peak memory \(ProcessMemory.peakBytes >> 20) MiB")
  }

  /// Floating-point operations a second at the shape of this teacher's feed-forward block.
  static func matrixProductRate() -> Double {
    // Numbers of all their bits: tiles multiply shorter ones faster.
    var generator = SeededGenerator(seed: 1, purpose: "rate")
    let left = Tensor.uniform([1024, 576], in: -1...1, using: &generator)
    let right = StoredTensor(Tensor.uniform([1536, 576], in: -1...1, using: &generator))
    let seconds = median(9) { _ = frozenLinear(left, right) }
    return 2 * 1024 * 576 * 1536 / seconds
  }

  /// The chunked hybrid attention of one layer against its definition, then their times.
  private static func hybridKernel() throws {
    let (heads, d, f, length) = (2, 64, 128, 512)
    let shape = HybridAttentionShape(
      attention: AttentionShape(queryHeads: heads, keyValueHeads: heads, headDim: d),
      featureDim: f, window: .terrace(64))
    var generator = SeededGenerator(seed: 1, purpose: "benchmark")
    let draw = { (width: Int, range: ClosedRange<Float>) in
      Tensor.uniform([length, width], in: range, using: &generator)
    }
    let (q, k, v) = (draw(heads * d, -1...1), draw(heads * d, -1...1), draw(heads * d, -1...1))
    let (fq, fk) = (draw(heads * f, 0...1), draw(heads * f, 0...1))
    let factors = Tensor(repeating: -2.2, [heads])
    let fast = {
      hybridAttention(
        queries: q, keys: k, values: v, queryFeatures: fq, keyFeatures: fk,
        windowFactors: factors, shape: shape, layout: SequenceLayout(length: length))
    }
    let column = { (x: Tensor, head: Int, width: Int) -> [Float] in
      let elements = x.elements
      return (0..<length).flatMap { (row: Int) -> ArraySlice<Float> in
        let start = (row * heads + head) * width
        return elements[start..<start + width]
      }
    }
    let naive = { (head: Int) in
      Naive.hybridAttention(
        queries: column(q, head, d), keys: column(k, head, d), values: column(v, head, d),
        queryFeatures: column(fq, head, f), keyFeatures: column(fk, head, f),
        factor: Float(-2.2), headDim: d, featureDim: f, scale: shape.attention.scale,
        window: shape.window, sinks: 0, isAffine: false
      ).output
    }
    let output = fast().output
    for head in 0..<heads {
      let difference = zip(column(output, head, d), naive(head)).map { abs($0 - $1) }.max()!
      guard difference < 1e-4 else {
        print("the chunked attention differs from its definition by \(difference): not timed")
        exit(70)
      }
    }
    let fastSeconds = median(9) { _ = fast() }
    let naiveSeconds = median(1) { for head in 0..<heads { _ = naive(head) } }
    print(
      String(
        format: "hybrid attention, 512 tokens            %8.2f ms, %.0fx its naive twin",
        fastSeconds * 1e3, naiveSeconds / fastSeconds))
  }

  static func seconds(_ body: () -> Void) -> Double {
    let start = ProcessInfo.processInfo.systemUptime
    body()
    return ProcessInfo.processInfo.systemUptime - start
  }

  static func median(_ runs: Int, _ body: () -> Void) -> Double {
    body()
    return (0..<runs).map { _ in seconds(body) }.sorted()[runs / 2]
  }
}

import Dispatch
import TensorCore

/// Keeps of a mapped checkpoint only what is computed with in this process's memory: behind a walk
/// through the layers their pages are let go, the next layer's are read ahead. So a teacher larger
/// than memory does not push out what is trained beside it, and its bytes do not count twice, here
/// and in the system's cache.
final class WeightResidency {
  /// Tokens below which letting go costs more than it is worth: a step of decoding reads every
  /// weight once and computes next to nothing.
  private static let minimumRows = 64
  /// Bytes of a weight below which calls to the system cost more than they are worth.
  private static let minimumBytes = 64 << 10

  /// Weights of each layer.
  private let layers: [[StoredTensor]]
  /// Weights that are no layer's: embedding and head.
  private let tables: [StoredTensor]
  private var current: Int?
  /// Asks for what is needed next, so that no computation waits for the disk to take orders.
  private let queue = DispatchQueue(label: "weights of the next layer")

  init(_ weights: DecoderWeights) {
    layers = weights.blocks.map { block in
      var block = block
      var found: [StoredTensor] = []
      block.visit("") { _, weight in weight.mapped.map { found.append($0) } }
      return found.filter { $0.bytes.count >= Self.minimumBytes }
    }
    tables = [weights.embedding, weights.positions, weights.head].compactMap { $0?.mapped }
      .filter { $0.bytes.count >= Self.minimumBytes }
  }

  /// A walk in either direction has come to a layer.
  ///
  /// - Parameter rows: tokens that it carries.
  func enter(_ layer: Int, rows: Int) {
    guard rows >= Self.minimumRows, layer != current else { return }
    if let current { release([current]) }
    // At either end of a walk the tables were read last, or will not be before its other end.
    if layer == 0 || layer == layers.count - 1 {
      for table in tables { table.releasePages() }
    }
    expect(current == layer + 1 ? layer - 1 : layer + 1)
    current = layer
  }

  func release(_ layers: some Sequence<Int>) {
    for layer in layers {
      for weight in self.layers[layer] { weight.releasePages() }
    }
  }

  func expect(_ layer: Int) {
    guard layers.indices.contains(layer), !layers[layer].isEmpty else { return }
    queue.async { [weights = layers[layer]] in
      for weight in weights { weight.expectPages() }
    }
  }
}

extension Decoder {
  /// Lets go of the mapped weights of layers that are not needed for a while, and has those of
  /// others read from the disk before they are.
  public func exchangeWeights(of done: [DecoderLayer], for coming: [DecoderLayer]) {
    residency.release(done.map(\.index))
    for layer in coming { residency.expect(layer.index) }
  }
}

import Checkpoints
import Dispatch
import TensorCore

/// Attention inputs of a block's layers as its file holds them, read by a thread of their own: what
/// comes next while the layer before trains.
///
/// `@unchecked Sendable`: what changes is touched on the queue alone.
final class StoredRows: @unchecked Sendable {
  /// Rows of some sequences in one dataset.
  struct Part: Hashable, Sendable {
    /// Its place among the datasets.
    let dataset: Int
    /// Places of the sequences in it.
    let slots: [Int]
  }

  private let datasets: [HDF5Dataset]
  /// Rows of a sequence.
  private let length: Int
  private let queue = DispatchQueue(label: "stored activations")
  private var ahead: (part: Part, rows: Result<Tensor, any Error>)?

  init(_ datasets: [HDF5Dataset], length: Int) {
    self.datasets = datasets
    self.length = length
  }

  /// Starts to read; what was read ahead before and not taken is dropped.
  func readAhead(_ part: Part) {
    queue.async { [self] in
      ahead = nil
      ahead = (part, Result { try read(part) })
    }
  }

  /// `[slots.count * length, rowLength]`, waiting for it if it is being read.
  func take(_ part: Part) throws -> Tensor {
    try queue.sync {
      guard let ahead, ahead.part == part else { return try read(part) }
      self.ahead = nil
      return try ahead.rows.get()
    }
  }

  private func read(_ part: Part) throws -> Tensor {
    let dataset = datasets[part.dataset]
    var rows = Tensor(uninitialized: [part.slots.count * length, dataset.rowLength])
    for (place, slot) in part.slots.enumerated() {
      try dataset.readRows(
        start: slot * length, count: length, into: &rows, at: place * length)
    }
    return rows
  }
}

import Differentiation
import Operations
import TensorCore

/// Where a checkpoint keeps a weight: in a tensor of its own, or in some rows of one that holds
/// several, as it is used or transposed.
public struct WeightPlace: Sendable, Equatable {
  /// As the family's checkpoints spell it.
  public let tensor: String
  /// Rows of the tensor (elements of a bias), after it was transposed; nil: all of it.
  public var rows: [Int32]?
  /// The checkpoint holds `[inputs, outputs]`.
  public var isTransposed = false
}

/// A tensor of a model: frozen, as its checkpoint has it, or the model's own, which training may
/// change and which then stands in the frozen one's place.
public struct Weight {
  private enum Frozen {
    /// In the checkpoint's type, typically a view of a mapped file.
    case stored(StoredTensor)
    /// Small ones, widened once.
    case dense(Tensor)
  }

  /// Where the checkpoint has it.
  public private(set) var place: WeightPlace
  private var frozen: Frozen
  /// 32-bit floats of the frozen weight's shape; nil: the model has none.
  public internal(set) var own: Parameter?

  init(stored: StoredTensor, in tensor: String) {
    place = WeightPlace(tensor: tensor)
    frozen = .stored(stored)
  }

  init(dense: Tensor, in tensor: String) {
    place = WeightPlace(tensor: tensor)
    frozen = .dense(dense)
  }

  /// The frozen weight in the checkpoint's type; nil for a small one that was widened.
  var mapped: StoredTensor? {
    if case .stored(let tensor) = frozen { return tensor }
    return nil
  }

  /// The frozen weight, without what is the model's own.
  var original: Weight {
    var weight = self
    weight.own = nil
    return weight
  }

  /// What the model computes with. Shares the storage of a parameter: let go of it before that is
  /// trained on, or training copies it.
  public var stored: StoredTensor {
    if let own { return StoredTensor(own.value) }
    return switch frozen {
    case .stored(let tensor): tensor
    case .dense(let tensor): StoredTensor(tensor)
    }
  }

  /// The same, in 32-bit floats.
  public var tensor: Tensor {
    if let own { return own.value }
    return switch frozen {
    case .stored(let tensor): tensor.widened()
    case .dense(let tensor): tensor
    }
  }

  /// Extents, row-major.
  public var shape: [Int] {
    switch frozen {
    case .stored(let tensor): tensor.shape
    case .dense(let tensor): tensor.shape.dimensions
    }
  }

  /// Whether the tape's gradients reach it.
  func isTrained(on tape: Tape) -> Bool { tape.isRecording && own?.isTrainable == true }

  func variable(on tape: Tape) -> Variable {
    own.map(tape.parameter) ?? tape.constant(tensor)
  }

  // MARK: Parts of checkpoint tensors

  /// Nothing was found under the weight's name, and the loader has said so.
  var isMissing: Bool { shape.contains(0) }

  /// Some rows of a matrix, some elements of a bias.
  func selectingRows(_ rows: [Int32]) -> Weight {
    precondition(place.rows == nil && own == nil, "rows of rows of \(place.tensor)")
    var part = self
    part.place.rows = rows
    switch frozen {
    case .stored(let tensor):
      part.frozen = .stored(tensor.selectingRows(rows))
    case .dense(let tensor):
      let column = StoredTensor(tensor.reshaped([tensor.count, 1]))
      part.frozen = .dense(column.selectingRows(rows).widened().reshaped([rows.count]))
    }
    return part
  }

  /// Of a matrix that the checkpoint holds `[inputs, outputs]`.
  var transposed: Weight {
    if isMissing { return self }
    precondition(place.rows == nil && own == nil, "only whole tensors are transposed")
    var weight = self
    weight.place.isTransposed.toggle()
    weight.frozen = .stored(StoredTensor(TensorCore.transposed(tensor)))
    return weight
  }
}

extension WeightPlace {
  /// Puts a weight at its place among a checkpoint's tensors, under its name when there is none.
  ///
  /// - Precondition: a tensor of several weights is there.
  func put(_ weight: Tensor, into tensors: inout [String: StoredTensor]) {
    guard let rows else {
      tensors[tensor] = StoredTensor(isTransposed ? transposed(weight) : weight)
      return
    }
    var whole = tensors[tensor]!.widened()
    if isTransposed { whole = transposed(whole) }
    scatterRows(weight, rows.map(Int.init), into: &whole)
    tensors[tensor] = StoredTensor(isTransposed ? transposed(whole) : whole)
  }
}

extension Tape {
  /// `x Wᵀ (+ bias)`: frozen weights in their stored type, the model's own as floats.
  func linear(_ x: Variable, _ weight: Weight, bias: Weight?) -> Variable {
    guard weight.isTrained(on: self) || bias?.isTrained(on: self) == true else {
      return linear(x, weight.stored, bias: bias?.tensor)
    }
    guard weight.isTrained(on: self) else {
      return add(linear(x, weight.stored), bias: bias!.variable(on: self))
    }
    return projection(
      x, weight: weight.variable(on: self), bias: bias?.variable(on: self))
  }

  /// Rows of a table, `[ids.count, width]`.
  func embedding(_ ids: [Int32], _ table: Weight) -> Variable {
    guard table.isTrained(on: self) else {
      return constant(Operations.embedding(ids, table: table.stored))
    }
    return embedding(ids, table: table.variable(on: self))
  }
}

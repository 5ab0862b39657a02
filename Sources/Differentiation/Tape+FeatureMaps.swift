import Operations
import TensorCore

extension Tape {
  /// See `Operations.rowFeatures`.
  public func rowFeatures(
    _ u: Variable, _ map: some RowFeatures, dim: Int, positions: [Int32]
  ) -> Variable {
    let features = Operations.rowFeatures(u.value, map, dim: dim, positions: positions)
    return record([u], features) {
      [rowFeaturesGradient($0, u: u.value, map, dim: dim, positions: positions)]
    }
  }

  /// See `Operations.randomFeatures`.
  public func randomFeatures(_ u: Variable, _ map: RandomFeatures, ofQueries: Bool) -> Variable {
    record([u], Operations.randomFeatures(u.value, map, ofQueries: ofQueries)) {
      [randomFeaturesGradient($0, u: u.value, map, ofQueries: ofQueries)]
    }
  }

  /// See `Operations.repeatedOverGroups`.
  public func repeatedOverGroups(_ x: Variable, _ shape: AttentionShape) -> Variable {
    if shape.group == 1 { return x }
    return record([x], Operations.repeatedOverGroups(x.value, shape)) {
      [repeatedOverGroupsGradient($0, shape)]
    }
  }
}

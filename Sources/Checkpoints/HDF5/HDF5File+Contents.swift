import CHDF5

// What a file holds.
extension HDF5File {
  /// Paths of all datasets, group by group, in the order in which they were written where the file
  /// records it, otherwise by name. Links to other places are not followed.
  public var names: [String] {
    get throws {
      try HDF5Library.locked {
        var names: [String] = []
        var links = 0
        try collectNames(in: identifier, prefix: "", depth: 0, into: &names, links: &links)
        return names
      }
    }
  }

  /// Whether there is a dataset or a group of that name.
  public func has(_ name: String) throws -> Bool {
    try HDF5Library.locked {
      let components = name.split(separator: "/", omittingEmptySubsequences: false)
      guard components.allSatisfy({ !$0.isEmpty && $0 != "." }) else { return false }
      for depth in 1...max(1, components.count) {
        let prefix = components[..<depth].joined(separator: "/")
        if try check(H5Lexists(identifier, prefix, 0), prefix, "look it up") == 0 { return false }
        // Soft and external links could lead out of the file.
        let isHard = try check(lh5_is_hard_link(identifier, prefix), prefix, "look it up")
        if isHard == 0 { return false }
      }
      return true
    }
  }

  /// Extents of a dataset.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset.
  public func shape(of name: String) throws -> [Int] { try dataset(name).shape }

  /// How a dataset's elements are stored.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset.
  public func type(of name: String) throws -> HDF5ElementType { try dataset(name).type }

  private static let maximumGroupDepth = 32
  /// Names of groups and datasets: thirty groups, each with two names for the next, have 2^30.
  private static let maximumLinks = 1 << 16

  private func collectNames(
    in group: hid_t, prefix: String, depth: Int, into names: inout [String], links: inout Int
  ) throws {
    guard depth < Self.maximumGroupDepth else {
      throw error(prefix, "list it", "groups nest deeper than \(Self.maximumGroupDepth)")
    }
    var information = H5G_info_t()
    try check(H5Gget_info(group, &information), prefix, "list it")
    let order = try linkOrder(of: group, prefix)
    for position in 0..<information.nlinks {
      links += 1
      guard links <= Self.maximumLinks else {
        throw error(prefix, "list it", "it names more than \(Self.maximumLinks) objects")
      }
      let link = try linkName(in: group, at: position, order: order, prefix)
      let path = prefix.isEmpty ? link : "\(prefix)/\(link)"
      guard try check(lh5_is_hard_link(group, link), path, "look it up") == 1 else { continue }
      let object = HDF5Handle(
        try check(H5Oopen(group, link, 0), path, "open it"), closing: H5Oclose)
      switch H5Iget_type(object.identifier) {
      case H5I_DATASET: names.append(path)
      case H5I_GROUP:
        try collectNames(
          in: object.identifier, prefix: path, depth: depth + 1, into: &names, links: &links)
      default: break
      }
    }
  }

  private func linkOrder(of group: hid_t, _ name: String) throws -> H5_index_t {
    // The file identifier stands for its root group, but has a creation list of its own.
    let root = HDF5Handle(try check(H5Gopen2(group, ".", 0), name, "open it"), closing: H5Gclose)
    let creation = HDF5Handle(
      try check(H5Gget_create_plist(root.identifier), name, "read its properties"),
      closing: H5Pclose)
    var flags: UInt32 = 0
    try check(
      H5Pget_link_creation_order(creation.identifier, &flags), name, "read its properties")
    return flags & lh5_tracked_order() == lh5_tracked_order() ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME
  }

  private func linkName(
    in group: hid_t, at position: hsize_t, order: H5_index_t, _ name: String
  ) throws -> String {
    let length = try check(
      H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, position, nil, 0, 0), name,
      "read the name of member \(position)")
    var bytes = [UInt8](repeating: 0, count: length + 1)
    try bytes.withUnsafeMutableBytes {
      _ = try check(
        H5Lget_name_by_idx(
          group, ".", order, H5_ITER_INC, position,
          $0.baseAddress?.assumingMemoryBound(to: CChar.self), length + 1, 0), name,
        "read the name of member \(position)")
    }
    return String(decoding: bytes[..<length], as: UTF8.self)
  }
}

import CHDF5
import Foundation
import TensorCore

// Creating and opening datasets.
extension HDF5File {
  /// A dataset whose rows are written afterwards, in any portions. Rows that are never written
  /// make reading fail, unless they share a chunk with written ones.
  ///
  /// - Parameters:
  ///   - name: groups before "/" are made on demand; dots are part of names.
  ///   - rowsPerChunk: rows that are stored, and checked, together; by default about a megabyte.
  public func createDataset(
    _ name: String, shape: [Int], type: HDF5ElementType, rowsPerChunk: Int? = nil
  ) throws -> HDF5Dataset {
    precondition(isWriting, "\(path) is open for reading")
    precondition(shape.allSatisfy { $0 >= 0 }, "negative dimension in \(shape)")
    guard let stored = type.library else {
      preconditionFailure("\(name): elements of \(type.rawValue) are not written")
    }
    return try HDF5Library.locked {
      try makeGroups(above: name)
      if try has(name) { throw error(name, "create it", "it exists already") }
      let creation = HDF5Handle(H5Pcreate(lh5_dataset_creation()), closing: H5Pclose)
      let access = HDF5Handle(H5Pcreate(lh5_dataset_access()), closing: H5Pclose)
      guard Self.setUpObject(creation.identifier) else { throw libraryError(name, "create it") }
      try setUpLayout(
        name, shape: shape, elementBytes: type.bytes, rowsPerChunk: rowsPerChunk,
        creation: creation.identifier, access: access.identifier)
      let space = HDF5Handle(
        try check(dataspace(shape.isEmpty ? nil : shape), name, "create it"), closing: H5Sclose)
      let identifier = try check(
        H5Dcreate2(
          self.identifier, name, stored, space.identifier, 0, creation.identifier,
          access.identifier), name, "create it")
      let dataset = HDF5Dataset(
        name: name, shape: shape, type: type, file: self, identifier: identifier)
      if type == .bfloat16 {
        try dataset.attributes.set(HDF5ElementType.attribute, to: .string(type.rawValue))
      }
      return dataset
    }
  }

  private func setUpLayout(
    _ name: String, shape: [Int], elementBytes: Int, rowsPerChunk: Int?, creation: hid_t,
    access: hid_t
  ) throws {
    if shape.isEmpty || shape.contains(0) {
      // A scalar and nothing at all fit the object's header, which is checksummed.
      try check(H5Pset_layout(creation, H5D_COMPACT), name, "set its layout")
      return
    }
    let rowBytes = shape.dropFirst().reduce(elementBytes, *)
    let rows = min(shape[0], max(1, rowsPerChunk ?? (1 << 20) / rowBytes))
    let chunk = [hsize_t(rows)] + shape.dropFirst().map { hsize_t($0) }
    try check(H5Pset_chunk(creation, Int32(chunk.count), chunk), name, "set its chunks")
    try check(H5Pset_fletcher32(creation), name, "set its checksum")
    // Room for two chunks: rows written a few at a time must not push out a chunk half filled.
    try check(
      H5Pset_chunk_cache(access, 101, 2 * rows * rowBytes, 1), name, "set its cache")
  }

  /// An existing dataset.
  ///
  /// - Throws: `HDF5Error` (65) when there is none of that name, its type is none of
  ///   `HDF5ElementType`, or less is stored than its shape needs.
  public func dataset(_ name: String) throws -> HDF5Dataset {
    try HDF5Library.locked {
      guard try has(name) else {
        throw error(name, "open it", "there is no such dataset\(try suggestion(for: name))")
      }
      let object = HDF5Handle(
        try check(H5Dopen2(identifier, name, 0), name, "open it as a dataset"), closing: H5Dclose)
      let shape = try shape(of: object, name)
      let type = try elementType(of: object, name)
      try checkStorage(of: object, name, shape: shape, type: type)
      defer { object.abandon() }
      return HDF5Dataset(
        name: name, shape: shape, type: type, file: self, identifier: object.identifier)
    }
  }

  private func suggestion(for name: String) throws -> String {
    let names = try names
    let listed = names.prefix(8).joined(separator: ", ")
    return names.isEmpty
      ? "; the file has none"
      : "; the file has \(listed)\(names.count > 8 ? " and \(names.count - 8) more" : "")"
  }

  private func shape(of object: HDF5Handle, _ name: String) throws -> [Int] {
    let space = HDF5Handle(
      try check(H5Dget_space(object.identifier), name, "read its shape"), closing: H5Sclose)
    let rank = try check(
      H5Sget_simple_extent_ndims(space.identifier), name, "read its shape")
    var dimensions = [hsize_t](repeating: 0, count: Int(rank))
    if rank > 0 {
      try check(
        H5Sget_simple_extent_dims(space.identifier, &dimensions, nil), name, "read its shape")
    }
    var count = 1
    for dimension in dimensions {
      let (product, isTooLarge) = count.multipliedReportingOverflow(
        by: Int(clamping: max(1, dimension)))
      if isTooLarge || product > 1 << 48 {
        throw error(name, "read its shape", "\(dimensions) is beyond any memory")
      }
      count = product
    }
    return dimensions.map { Int($0) }
  }

  private func elementType(of object: HDF5Handle, _ name: String) throws -> HDF5ElementType {
    guard let found = try knownElementType(of: object, name) else {
      let known = HDF5ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw error(
        name, "read its type",
        "found another than \(known) (BF16: unsigned 16-bit integers with the "
          + "attribute \(HDF5ElementType.attribute) = BF16)")
    }
    return found
  }

  private func knownElementType(of object: HDF5Handle, _ name: String) throws -> HDF5ElementType? {
    let type = HDF5Handle(
      try check(littleEndianType(of: object.identifier), name, "read its type"), closing: H5Tclose)
    let mark = try HDF5Attributes(file: self, object: name, handle: object)
      .value(HDF5ElementType.attribute)
    return HDF5ElementType(
      library: type.identifier,
      isMarkedBFloat16: mark == .string(HDF5ElementType.bfloat16.rawValue))
  }

  /// Whether a dataset's elements are of a type that this module reads. Files of other programs
  /// keep texts, tables and counters beside what matters here.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset.
  public func isReadable(_ name: String) throws -> Bool {
    try HDF5Library.locked {
      let object = HDF5Handle(
        try check(H5Dopen2(identifier, name, 0), name, "open it as a dataset"), closing: H5Dclose)
      return try knownElementType(of: object, name) != nil
    }
  }

  /// Whether a dataset's chunks pass through a filter other than checksums and shuffling, which
  /// leave their sizes as they are.
  private static func mayCompress(_ creation: hid_t) -> Bool {
    (0..<max(0, H5Pget_nfilters(creation))).contains { index in
      var flags: UInt32 = 0
      var settings = 0
      var configuration: UInt32 = 0
      let filter = H5Pget_filter2(
        creation, UInt32(index), &flags, &settings, nil, 0, nil, &configuration)
      return filter != H5Z_FILTER_FLETCHER32 && filter != H5Z_FILTER_SHUFFLE
    }
  }

  /// Refuses datasets that are stored elsewhere or not fully: the library fills gaps silently.
  private func checkStorage(
    of object: HDF5Handle, _ name: String, shape: [Int], type: HDF5ElementType
  ) throws {
    let elements = shape.reduce(1, *)
    if elements == 0 { return }
    let creation = HDF5Handle(
      try check(H5Dget_create_plist(object.identifier), name, "read its layout"),
      closing: H5Pclose)
    let layout = H5Pget_layout(creation.identifier)
    let isOutside =
      try check(
        H5Pget_external_count(creation.identifier), name, "read its layout") > 0
    guard [H5D_COMPACT, H5D_CONTIGUOUS, H5D_CHUNKED].contains(layout), !isOutside else {
      throw error(name, "read it", "its elements are stored in another file or dataset")
    }
    let stored = Int(clamping: H5Dget_storage_size(object.identifier))
    // That is also what it says when it could not read.
    if stored == 0, HDF5Error.isOfTheSystem() { throw libraryError(name, "look up its size") }
    // Deflate compresses a thousandfold at best; only foreign files use it.
    let isCompressed = layout == H5D_CHUNKED && Self.mayCompress(creation.identifier)
    guard elements * type.bytes / (isCompressed ? 1100 : 1) <= stored else {
      throw error(
        name, "read it", "\(stored) bytes are stored for \(shape) of \(type.rawValue)")
    }
    if layout == H5D_CHUNKED {
      var chunk = [hsize_t](repeating: 0, count: shape.count)
      try check(
        H5Pget_chunk(creation.identifier, Int32(shape.count), &chunk), name, "read its layout")
      let needed = zip(shape, chunk).reduce(1) { $0 * (($1.0 - 1) / max(1, Int($1.1)) + 1) }
      var found: hsize_t = 0
      let space = HDF5Handle(
        try check(H5Dget_space(object.identifier), name, "count its chunks"), closing: H5Sclose)
      try check(
        H5Dget_num_chunks(object.identifier, space.identifier, &found), name, "count its chunks")
      guard found == needed else {
        throw error(name, "read it", "\(found) of its \(needed) chunks were written")
      }
    }
  }
}

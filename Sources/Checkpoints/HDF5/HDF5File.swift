import CHDF5
import Documents
import Foundation

/// An HDF5 file: named datasets of numbers in groups, with attributes, readable by h5dump and h5py.
///
/// Written so that every bit is under a checksum: the newest format (checksummed metadata),
/// chunks with Fletcher32, attributes in object headers. No times are recorded, so equal content
/// written in equal order gives equal bytes. A file whose writer was killed is refused on opening.
///
/// `@unchecked Sendable`: all state is used under the lock of `HDF5Library`.
public final class HDF5File: @unchecked Sendable {
  /// The file as it was named.
  public let path: String
  let isWriting: Bool
  let handle: HDF5Handle
  /// Of datasets that are in use, which must be closed before the file is.
  private var datasetHandles: [ObjectIdentifier: HDF5Handle] = [:]
  /// The first thing that failed while no caller was there to be told.
  private var failure: HDF5Error?

  private init(path: String, isWriting: Bool, identifier: hid_t) {
    self.path = path
    self.isWriting = isWriting
    handle = HDF5Handle(identifier, closing: H5Fclose)
  }

  /// A new file for writing. Replacing a file is `AtomicFile`'s business.
  ///
  /// - Throws: `HDF5Error` (74), also when a file of that name exists.
  public static func create(_ path: String) throws -> HDF5File {
    try HDF5Library.locked {
      let creation = HDF5Handle(H5Pcreate(lh5_file_creation()), closing: H5Pclose)
      let access = HDF5Handle(H5Pcreate(lh5_file_access()), closing: H5Pclose)
      let isSetUp =
        setUpGroups(creation.identifier)
        && H5Pset_libver_bounds(
          access.identifier, lh5_newest_format(), lh5_newest_format()) >= 0
        && setUp(access)
      let file =
        isSetUp ? H5Fcreate(path, lh5_create_new(), creation.identifier, access.identifier) : -1
      if file < 0 {
        throw HDF5Error(
          file: path, operation: "create it", detail: HDF5Error.libraryMessage(),
          exitCode: .inputOutput)
      }
      return HDF5File(path: path, isWriting: true, identifier: file)
    }
  }

  /// An existing file for reading.
  ///
  /// - Parameter isTrusted: this process has written it or checked its hash; others are tried first
  ///   where `HDF5Trial` is enabled.
  /// - Throws: `HDF5Error`: 66 when there is none, 74 when it cannot be read now, 65 when it is not
  ///   HDF5, truncated, was not closed by its writer, or is more than the library survives.
  public static func open(_ path: String, isTrusted: Bool = false) throws -> HDF5File {
    guard FileManager.default.fileExists(atPath: path) else {
      throw HDF5Error(
        file: path, operation: "open it", detail: "there is no such file",
        exitCode: .missingInput)
    }
    var status = stat()
    if stat(path, &status) == 0 { try InputFile.requireRegular(status, path) }
    if !isTrusted { try HDF5Trial.require(path) }
    return try HDF5Library.locked {
      let access = HDF5Handle(H5Pcreate(lh5_file_access()), closing: H5Pclose)
      let file = setUp(access) ? H5Fopen(path, lh5_read_only(), access.identifier) : -1
      if file < 0 {
        let isOfTheSystem = HDF5Error.isOfTheSystem()
        throw HDF5Error(
          file: path, operation: "open it as HDF5",
          detail: HDF5Error.libraryMessage()
            + (isOfTheSystem
              ? "" : " (not HDF5, truncated, or its writer was stopped before it finished)"),
          exitCode: isOfTheSystem ? .inputOutput : .badData)
      }
      return HDF5File(path: path, isWriting: false, identifier: file)
    }
  }

  /// The library's locks are left out: files are written beside their place and renamed, never
  /// under a reader. Network file systems may have no locks, and a process that another part of
  /// this one starts holds them for a moment longer than the file was open.
  private static func setUp(_ access: HDF5Handle) -> Bool {
    H5Pset_fclose_degree(access.identifier, H5F_CLOSE_STRONG) >= 0
      && H5Pset_file_locking(access.identifier, false, true) >= 0
  }

  /// Writes what the library still holds, and closes. Required after writing: only this reports
  /// the failures of writes that the library had postponed. Does nothing the second time.
  ///
  /// - Throws: the first `HDF5Error` (74) of any write, also of earlier ones; the file is then
  ///   unusable and should be removed.
  public func close() throws {
    try HDF5Library.locked {
      guard handle.identifier >= 0 else { return }
      if isWriting { note(H5Fflush(handle.identifier, H5F_SCOPE_GLOBAL) >= 0, "write it out") }
      for dataset in datasetHandles.values { note(dataset.release(), "close a dataset") }
      datasetHandles = [:]
      if isWriting { note(H5Fflush(handle.identifier, H5F_SCOPE_GLOBAL) >= 0, "write it out") }
      note(handle.release(), "close it")
      if let failure { throw failure }
    }
  }

  deinit {
    HDF5Library.locked {
      for dataset in datasetHandles.values { dataset.release() }
      handle.release()
    }
  }

  // MARK: Bookkeeping

  private func note(_ isDone: Bool, _ operation: String) {
    if !isDone, failure == nil { failure = libraryError(nil, operation) }
  }

  func adopt(_ dataset: HDF5Handle) { datasetHandles[ObjectIdentifier(dataset)] = dataset }

  func dismiss(_ dataset: HDF5Handle) {
    HDF5Library.locked {
      note(dataset.release(), "close a dataset")
      datasetHandles[ObjectIdentifier(dataset)] = nil
    }
  }

  /// The identifier of the open file.
  var identifier: hid_t {
    precondition(handle.identifier >= 0, "\(path) is closed")
    return handle.identifier
  }

  // MARK: Errors

  /// What the library says about its last call on this thread.
  func libraryError(_ object: String?, _ operation: String) -> HDF5Error {
    HDF5Error(
      file: path, object: object, operation: operation, detail: HDF5Error.libraryMessage(),
      exitCode: isWriting || HDF5Error.isOfTheSystem() ? .inputOutput : .badData)
  }

  func error(_ object: String?, _ operation: String, _ detail: String) -> HDF5Error {
    HDF5Error(
      file: path, object: object, operation: operation, detail: detail,
      exitCode: isWriting ? .inputOutput : .badData)
  }

  /// Passes the result of a library call on, unless it is negative.
  @discardableResult
  func check<Status: SignedInteger>(
    _ status: Status, _ object: String?, _ operation: String
  ) throws -> Status {
    if status >= 0 { return status }
    let error = libraryError(object, operation)
    if isWriting, failure == nil { failure = error }
    throw error
  }

  // MARK: Groups

  /// Makes the groups above a name that are not there yet.
  func makeGroups(above name: String) throws {
    let components = name.split(separator: "/", omittingEmptySubsequences: false)
    precondition(
      components.allSatisfy { !$0.isEmpty && $0 != "." }, "\"\(name)\" cannot name a dataset")
    for depth in 1..<max(1, components.count) {
      let group = components[..<depth].joined(separator: "/")
      if try has(group) { continue }
      let creation = HDF5Handle(H5Pcreate(lh5_group_creation()), closing: H5Pclose)
      guard Self.setUpGroups(creation.identifier) else { throw libraryError(group, "create it") }
      let made = H5Gcreate2(identifier, group, 0, creation.identifier, 0)
      try check(made, group, "create the group")
      try check(H5Gclose(made), group, "close the group")
    }
  }

  private static func setUpGroups(_ creation: hid_t) -> Bool {
    H5Pset_link_creation_order(creation, lh5_tracked_order()) >= 0 && setUpObject(creation)
  }

  /// Attributes stay in the object's header, which is checksummed; the heap that the library
  /// would move many or large ones to is so only in part.
  static func setUpObject(_ creation: hid_t) -> Bool {
    H5Pset_obj_track_times(creation, false) >= 0
      && H5Pset_attr_phase_change(creation, 65535, 0) >= 0
      && H5Pset_attr_creation_order(creation, lh5_tracked_order()) >= 0
  }
}

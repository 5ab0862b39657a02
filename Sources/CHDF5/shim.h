#pragma once
#include <hdf5.h>

/* Swift imports neither macros that expand to expressions nor functions behind version macros.
   The prefix keeps these apart from the library's own names. */
#define LINEARIZE_HDF5_GETTER(type, name, expression) \
  static inline type lh5_##name(void) { return (expression); }

LINEARIZE_HDF5_GETTER(hid_t, float32, H5T_IEEE_F32LE)
LINEARIZE_HDF5_GETTER(hid_t, int32, H5T_STD_I32LE)
LINEARIZE_HDF5_GETTER(hid_t, int64, H5T_STD_I64LE)
LINEARIZE_HDF5_GETTER(hid_t, uint16, H5T_STD_U16LE)
LINEARIZE_HDF5_GETTER(hid_t, uint8, H5T_STD_U8LE)
LINEARIZE_HDF5_GETTER(hid_t, float64, H5T_IEEE_F64LE)
LINEARIZE_HDF5_GETTER(hid_t, native_float32, H5T_NATIVE_FLOAT)
LINEARIZE_HDF5_GETTER(hid_t, native_float64, H5T_NATIVE_DOUBLE)
LINEARIZE_HDF5_GETTER(hid_t, native_int64, H5T_NATIVE_INT64)
LINEARIZE_HDF5_GETTER(hid_t, c_string, H5T_C_S1)

LINEARIZE_HDF5_GETTER(hid_t, file_creation, H5P_FILE_CREATE)
LINEARIZE_HDF5_GETTER(hid_t, file_access, H5P_FILE_ACCESS)
LINEARIZE_HDF5_GETTER(hid_t, group_creation, H5P_GROUP_CREATE)
LINEARIZE_HDF5_GETTER(hid_t, dataset_creation, H5P_DATASET_CREATE)
LINEARIZE_HDF5_GETTER(hid_t, dataset_access, H5P_DATASET_ACCESS)

LINEARIZE_HDF5_GETTER(unsigned, create_new, H5F_ACC_EXCL)
LINEARIZE_HDF5_GETTER(unsigned, read_only, H5F_ACC_RDONLY)
LINEARIZE_HDF5_GETTER(H5F_libver_t, newest_format, H5F_LIBVER_LATEST)
LINEARIZE_HDF5_GETTER(unsigned, tracked_order, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED)

/* 1 for a hard link, 0 for any other kind, negative when the link cannot be examined. */
static inline int lh5_is_hard_link(hid_t location, const char *name) {
  H5L_info_t info;
  if (H5Lget_info(location, name, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD;
}

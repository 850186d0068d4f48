//! Functions of the Zend API that ext-php-rs' bindings lack, declared as in php-src's headers of PHP 8.2 to 8.5. Calls
//! run on PHP's threads only.

use std::ffi::{CStr, c_char, c_int, c_void};

use ext_php_rs::ffi::{
    HashTable, zend_class_entry, zend_execute_data, zend_object, zend_stack, zend_string,
    zend_type, zval,
};

/// `ZEND_COMPILE_PRELOAD | ZEND_COMPILE_PRELOAD_IN_CHILD`: a script of `opcache.preload` is running.
pub const PRELOADING: u32 = (1 << 15) | (1 << 17);

/// `PHP_STREAM_AS_FD_FOR_SELECT | PHP_STREAM_CAST_INTERNAL`: the descriptor, even if the stream has buffered data.
pub const AS_DESCRIPTOR: c_int = 3 | 0x2000_0000;

unsafe extern "C" {
    // The functions that create streams take more arguments in a debug build of PHP.
    fn _php_stream_sock_open_from_socket(
        socket: c_int,
        persistent_id: *const c_char,
        #[cfg(php_debug)] depth: c_int,
        #[cfg(php_debug)] file: *const c_char,
        #[cfg(php_debug)] line: u32,
        #[cfg(php_debug)] orig_file: *const c_char,
        #[cfg(php_debug)] orig_line: u32,
    ) -> *mut ext_php_rs::ffi::php_stream;
    fn _php_stream_fopen_from_fd(
        fd: c_int,
        mode: *const c_char,
        persistent_id: *const c_char,
        zero_position: bool,
        #[cfg(php_debug)] depth: c_int,
        #[cfg(php_debug)] file: *const c_char,
        #[cfg(php_debug)] line: u32,
        #[cfg(php_debug)] orig_file: *const c_char,
        #[cfg(php_debug)] orig_line: u32,
    ) -> *mut ext_php_rs::ffi::php_stream;
}

/// Calls a function that creates streams.
#[cfg(not(php_debug))]
macro_rules! create {
    ($function:ident($($argument:expr),*)) => { $function($($argument),*) };
}
#[cfg(php_debug)]
macro_rules! create {
    ($function:ident($($argument:expr),*)) => {
        $function($($argument),*, 0, c"pillion".as_ptr(), 0, std::ptr::null(), 0)
    };
}

/// Creates a PHP stream that owns `socket`.
///
/// # Safety
/// On a PHP thread inside a request; `socket` is open and has no other owner.
pub unsafe fn stream_from_socket(socket: c_int) -> *mut ext_php_rs::ffi::php_stream {
    // SAFETY: by the contract above; a null id creates a stream that ends with the request.
    unsafe { create!(_php_stream_sock_open_from_socket(socket, std::ptr::null())) }
}

/// Allocates memory of the script; ends the script if there is none.
///
/// # Safety
/// On a PHP thread inside a request.
pub unsafe fn emalloc(bytes: usize) -> *mut c_void {
    // SAFETY: by the contract; a debug build takes the place of the call too.
    unsafe {
        #[cfg(not(php_debug))]
        return ext_php_rs::ffi::_emalloc(bytes);
        #[cfg(php_debug)]
        return ext_php_rs::ffi::_emalloc(bytes, c"pillion".as_ptr(), 0, std::ptr::null(), 0);
    }
}

/// Creates a PHP stream that owns `fd`; `mode` is that of `fopen`.
///
/// # Safety
/// On a PHP thread inside a request; `fd` is open and has no other owner.
pub unsafe fn stream_from_file(fd: c_int, mode: &CStr) -> *mut ext_php_rs::ffi::php_stream {
    // SAFETY: as for `stream_from_socket`.
    unsafe {
        create!(_php_stream_fopen_from_fd(
            fd,
            mode.as_ptr(),
            std::ptr::null(),
            false
        ))
    }
}

unsafe extern "C" {
    /// Parses one argument by a type letter; throws as internal functions do.
    pub fn zend_parse_parameter(
        flags: c_int,
        arg_num: u32,
        arg: *mut zval,
        spec: *const c_char,
        ...
    ) -> c_int;
    /// Throws a `TypeError` that names the current function's argument.
    pub fn zend_argument_type_error(arg_num: u32, format: *const c_char, ...);
    /// Throws a `ValueError` that names the current function's argument.
    pub fn zend_argument_value_error(arg_num: u32, format: *const c_char, ...);
    /// The name of a value's type for error messages.
    pub fn zend_zval_type_name(arg: *const zval) -> *const c_char;
    /// Declares a property with a type.
    pub fn zend_declare_typed_property(
        ce: *mut zend_class_entry,
        name: *mut zend_string,
        property: *mut zval,
        access_type: c_int,
        doc_comment: *mut zend_string,
        type_: zend_type,
    ) -> *mut c_void;
    /// Updates a property by name, in the scope of the class.
    pub fn zend_update_property(
        scope: *mut zend_class_entry,
        object: *mut zend_object,
        name: *const c_char,
        name_length: usize,
        value: *mut zval,
    );
    /// Initialises a table of `size` elements at least, in memory of the process if `persistent`.
    pub fn _zend_hash_init(
        table: *mut HashTable,
        size: u32,
        destructor: Option<unsafe extern "C" fn(*mut zval)>,
        persistent: bool,
    );
    /// Allocates the elements of a new table, as a table with keys.
    pub fn zend_hash_real_init_mixed(table: *mut HashTable);
    /// Destroys the elements and the memory of a table, but not its own struct.
    pub fn zend_hash_destroy(table: *mut HashTable);
    /// Computes the hash of a string, and stores it in the string.
    pub fn zend_string_hash_func(text: *mut zend_string) -> u64;
    /// Serves signals with handlers in PHP; null if no extension has set it.
    pub static zend_interrupt_function: Option<unsafe extern "C" fn(*mut zend_execute_data)>;
    /// Ends the script with "Maximum execution time exceeded"; does not return.
    pub fn zend_timeout();
    /// The text of a setting; null if it is unset.
    pub fn zend_ini_string_ex(
        name: *const c_char,
        name_length: usize,
        orig: c_int,
        exists: *mut bool,
    ) -> *mut c_char;
    /// The entries of php.ini and of `-d`; null before they are read.
    pub fn php_ini_get_configuration_hash() -> *mut HashTable;
    /// Changes a setting; `force`: without a check of its permissions.
    pub fn zend_alter_ini_entry_ex(
        name: *mut zend_string,
        value: *mut zend_string,
        modify_type: c_int,
        stage: c_int,
        force: bool,
    ) -> c_int;
    /// Restores the text that a setting had when PHP started.
    pub fn zend_restore_ini_entry(name: *mut zend_string, stage: c_int) -> c_int;
    /// The table of stream wrappers: the script's copy if it has changed it, else the process's.
    pub fn _php_stream_get_url_stream_wrappers_hash() -> *mut HashTable;
    /// All modules by name, as pointers to their entries.
    pub static module_registry: HashTable;
    /// The globals of a module for the calling thread.
    #[cfg(php_zts)]
    pub fn ts_resource_ex(id: c_int, thread: *mut c_void) -> *mut c_void;
    /// Pushes a copy of an element; all elements of a stack have one size.
    pub fn zend_stack_push(stack: *mut zend_stack, element: *const c_void) -> c_int;
    /// The top element; null if the stack is empty.
    pub fn zend_stack_top(stack: *const zend_stack) -> *mut c_void;
    /// Removes the top element.
    pub fn zend_stack_del_top(stack: *mut zend_stack);
    /// The name of a callable for messages; the caller releases it.
    pub fn zend_get_callable_name(callable: *mut zval) -> *mut zend_string;
    /// `Closure`.
    pub static zend_ce_closure: *mut zend_class_entry;
    /// The function of a closure.
    pub fn zend_get_closure_method_def(
        closure: *mut zend_object,
    ) -> *const ext_php_rs::ffi::zend_function;
    /// Registers a module that lies in the memory of this process; null if PHP refuses it.
    pub fn zend_register_internal_module(
        module: *mut ext_php_rs::ffi::zend_module_entry,
    ) -> *mut ext_php_rs::ffi::zend_module_entry;
    /// Prints the settings of a module for phpinfo.
    pub fn display_ini_entries(module: *mut ext_php_rs::ffi::zend_module_entry);
    /// Lets a class implement so many interfaces.
    pub fn zend_class_implements(class: *mut zend_class_entry, count: c_int, ...);
    /// Converts a value in place, as `(string)` does.
    pub fn _convert_to_string(value: *mut zval);
    /// Assigns to a reference that a typed property holds; throws if its type refuses the value.
    pub fn zend_try_assign_typed_ref_bool(
        reference: *mut ext_php_rs::ffi::zend_reference,
        value: bool,
    ) -> c_int;
    /// Unregisters the settings of a module.
    pub fn zend_unregister_ini_entries(module_number: c_int);
    /// 0 if `open_basedir` allows the path; else emits a warning.
    pub fn php_check_open_basedir(path: *const c_char) -> c_int;
    /// Resolves a path from PHP's working directory, which is the thread's own under ZTS. Writes at most
    /// `MAXPATHLEN` (4096) bytes; null if the path is too long.
    pub fn expand_filepath(path: *const c_char, resolved: *mut c_char) -> *mut c_char;
    /// Fills a superglobal, which PHP itself fills only when code that uses it is compiled (`auto_globals_jit`).
    pub fn zend_is_auto_global_str(name: *const c_char, length: usize) -> bool;
    /// Stores the descriptor (or other resource) of a stream in `ret`; returns 0 on success.
    pub fn _php_stream_cast(
        stream: *mut ext_php_rs::ffi::php_stream,
        castas: c_int,
        ret: *mut *mut c_void,
        show_err: c_int,
    ) -> c_int;
    /// The resource type of streams.
    pub fn php_file_le_stream() -> c_int;
    /// `RuntimeException`.
    pub static spl_ce_RuntimeException: *mut zend_class_entry;
    /// Releases a value's contents.
    #[link_name = "zval_ptr_dtor"]
    pub fn release(value: *mut zval);
    /// Bytes of this thread's heap in use, or (`real`) held from the system.
    pub fn zend_memory_usage(real: bool) -> usize;
    /// The peak of these bytes.
    pub fn zend_memory_peak_usage(real: bool) -> usize;
    /// Drops the pending exception.
    pub fn zend_clear_exception();
    /// Makes an exception pending; takes its reference over.
    pub fn zend_throw_exception_internal(exception: *mut zend_object);
    /// Whether the "exception" is `exit()`.
    pub fn zend_is_unwind_exit(exception: *const zend_object) -> bool;
    /// Creates a `Closure` over a copy of a function, as `f(...)` does: it accepts surplus arguments.
    pub fn zend_create_fake_closure(
        result: *mut zval,
        function: *mut ext_php_rs::ffi::zend_function,
        scope: *mut zend_class_entry,
        called_scope: *mut zend_class_entry,
        this: *mut zval,
    );
    /// The number of open output buffers.
    pub fn php_output_get_level() -> c_int;
    /// Writes to the output layer.
    pub fn php_output_write(text: *const c_char, length: usize) -> usize;
    /// Sends status and headers if they have not been sent.
    pub fn php_header() -> c_int;
    /// The flags of the output layer.
    pub fn php_output_get_status() -> c_int;
    /// Sets the lower four flags of the output layer.
    pub fn php_output_set_status(status: c_int);
    /// Closes the innermost output buffer and flushes its text.
    pub fn php_output_end() -> c_int;
    /// Closes the innermost output buffer and drops its text.
    pub fn php_output_discard() -> c_int;
    /// Finds an element by its integer key, such as a resource in `EG(regular_list)`.
    #[link_name = "zend_hash_index_find"]
    pub fn find_index(table: *const HashTable, index: u64) -> *mut zval;
    /// Compares objects that are equal only to themselves.
    pub fn zend_objects_not_comparable(first: *mut zval, second: *mut zval) -> c_int;
    /// Writes a line to PHP's error log.
    pub fn php_log_err_with_severity(message: *const c_char, severity: c_int);
    /// Creates an object with its properties at their defaults, without its constructor.
    pub fn object_init_ex(value: *mut zval, ce: *mut zend_class_entry) -> c_int;
}

/// An entry of the table of shutdown functions, from `ext/standard/basic_functions.h`.
#[repr(C)]
pub struct ShutdownFunction {
    /// The callable and its arguments.
    pub call: ext_php_rs::ffi::zend_fcall_info,
    /// The resolved function.
    pub cache: ext_php_rs::ffi::zend_fcall_info_cache,
}

#[cfg(not(php_zts))]
unsafe extern "C" {
    // A `php_basic_globals`, of which only the first field is read.
    static basic_globals: *mut HashTable;
}
#[cfg(php_zts)]
unsafe extern "C" {
    static basic_globals_id: c_int;
}

/// The table of shutdown functions; `None` if none is registered.
///
/// # Safety
/// On a PHP thread in a script.
#[must_use]
pub unsafe fn shutdown_functions() -> Option<*const HashTable> {
    // SAFETY: by the contract; `user_shutdown_function_names` is the first field since PHP 5.
    unsafe {
        #[cfg(not(php_zts))]
        let table = basic_globals;
        #[cfg(php_zts)]
        let table =
            *ts_resource_ex(basic_globals_id, std::ptr::null_mut()).cast::<*mut HashTable>();
        (!table.is_null()).then_some(table.cast_const())
    }
}

unsafe extern "C" {
    /// The name of a resource's type; null if the type is unknown.
    pub fn zend_rsrc_list_get_rsrc_type(
        resource: *mut ext_php_rs::ffi::zend_resource,
    ) -> *const c_char;
    /// `JsonSerializable`.
    pub static php_json_serializable_ce: *mut zend_class_entry;
    /// `DateTimeInterface`.
    pub fn php_date_get_interface_ce() -> *mut zend_class_entry;
    /// `DateInterval`.
    pub fn php_date_get_interval_ce() -> *mut zend_class_entry;
    /// Runs PHP's collector of cycles, destructors included; returns the number of freed values.
    pub static gc_collect_cycles: Option<unsafe extern "C" fn() -> c_int>;
    /// Whether the collector runs by itself.
    pub fn gc_enabled() -> bool;
    /// Stores the state of the collector in `status`.
    pub fn zend_gc_get_status(status: *mut GcStatus);
}

/// `zend_gc_status`, from `Zend/zend_gc.h`.
#[cfg(php83)]
#[repr(C)]
#[derive(Debug, Default)]
pub struct GcStatus {
    flags: [bool; 3],
    /// The number of runs.
    pub runs: u32,
    collected: u32,
    threshold: u32,
    buffer_size: u32,
    /// Values that may be garbage.
    pub roots: u32,
    times: [u64; 4],
}

/// `zend_gc_status`, from `Zend/zend_gc.h`.
#[cfg(not(php83))]
#[repr(C)]
#[derive(Debug, Default)]
pub struct GcStatus {
    /// The number of runs.
    pub runs: u32,
    collected: u32,
    threshold: u32,
    /// Values that may be garbage.
    pub roots: u32,
}

//! The windows of a Windows desktop that can be captured.

use windows_sys::Win32::Foundation::{HWND, LPARAM};
use windows_sys::Win32::Graphics::Dwm::{DWMWA_CLOAKED, DwmGetWindowAttribute};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    EnumWindows, GWL_EXSTYLE, GetWindowLongPtrW, GetWindowTextW, GetWindowThreadProcessId, IsIconic, IsWindowVisible,
    WS_EX_TOOLWINDOW,
};
use windows_sys::core::BOOL;

use crate::capture::Device;

/// More windows than anyone chooses from.
const MOST: usize = 200;
/// Longest title that is read, in UTF-16 units.
const LONGEST: usize = 160;

/// The windows that people see, this program's own left out. The id is the window's handle.
pub(crate) fn list() -> Vec<Device> {
    let mut found: Vec<Device> = Vec::new();
    // SAFETY: `note` gets back the address of `found`, which lives for as long as this call, on this very thread.
    unsafe { EnumWindows(Some(note), std::ptr::from_mut(&mut found) as LPARAM) };
    found
}

/// Notes one window and asks for the next.
unsafe extern "system" fn note(window: HWND, found: LPARAM) -> BOOL {
    // SAFETY: it is the address that `list` gave, of a vector that nobody else touches meanwhile.
    let found = unsafe { &mut *(found as *mut Vec<Device>) };
    if let Some(name) = title(window) {
        found.push(Device { id: format!("{:#x}", window as usize), name });
    }
    BOOL::from(found.len() < MOST)
}

/// The title of a window that people see; none for all others.
fn title(window: HWND) -> Option<String> {
    let (mut process, mut cloaked, mut text) = (0_u32, 0_u32, [0_u16; LONGEST]);
    // SAFETY: these functions take any handle, also of a window that is gone, and write no more than the sizes they are given.
    let length = unsafe {
        if IsWindowVisible(window) == 0 || IsIconic(window) != 0 {
            return None;
        }
        // Small palettes of other windows, and windows on another desktop or suspended.
        if GetWindowLongPtrW(window, GWL_EXSTYLE) as u32 & WS_EX_TOOLWINDOW != 0 {
            return None;
        }
        let size = size_of::<u32>() as u32;
        DwmGetWindowAttribute(window, DWMWA_CLOAKED as u32, std::ptr::from_mut(&mut cloaked).cast(), size);
        GetWindowThreadProcessId(window, &mut process);
        GetWindowTextW(window, text.as_mut_ptr(), LONGEST as i32)
    };
    let words = String::from_utf16_lossy(text.get(..usize::try_from(length).ok()?)?);
    let words = words.trim();
    (cloaked == 0 && process != std::process::id() && !words.is_empty()).then(|| words.to_owned())
}
